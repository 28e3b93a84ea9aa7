"""The process of a trial: `python -m edge_agent.infer.trial_process`.

The first line of stdin is JSON, [runtime, threads]; the bundle follows. The answer is one line of
JSON on stdout.
"""

from __future__ import annotations

import json
import os
import select
import sys

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.isolation import bound_this_process
from edge_agent.contracts.model.bundle import parse_bundle
from edge_agent.infer.bundle_inspector import BundleInspector
from edge_agent.infer.runtime_choice import open_runtime
from edge_agent.infer.self_test import verify_parity
from edge_agent.infer.trial import UNASKED

PATIENCE_S = 60.0
"""A child whose parent found no bundle to try gives its memory back after so long."""


def main(patience_s: float = PATIENCE_S) -> int:
    """Load the bundle on stdin and run its vectors on the CPU; 0, or 1 with the error as JSON.

    UNASKED where nothing comes.
    """
    bound_this_process()
    stdin = sys.stdin.buffer
    if not select.select([stdin], [], [], patience_s)[0]:
        return UNASKED
    asked = stdin.readline()
    if not asked:
        return UNASKED
    runtime, threads = json.loads(asked)
    try:
        bundle = parse_bundle(stdin.read(), "bundle")
        inspector = BundleInspector(bundle.manifest, open_runtime(bundle.model, runtime, threads))
        verify_parity(inspector, bundle)
        inspector.close()
    except LinesideError as error:
        kind = type(error).__name__
        sys.stdout.write(json.dumps([kind, error.what, error.where, error.cure]) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the station waits for it: to take numpy and OpenCV apart costs 0.1 s
