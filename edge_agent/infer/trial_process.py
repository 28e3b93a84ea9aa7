"""The process of a trial: `python -m edge_agent.infer.trial_process RUNTIME THREADS`.

The bundle comes on stdin; the answer is one line of JSON on stdout.
"""

from __future__ import annotations

import json
import sys

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.isolation import bound_this_process
from edge_agent.contracts.model.bundle import parse_bundle
from edge_agent.infer.bundle_inspector import BundleInspector
from edge_agent.infer.runtime_choice import open_runtime
from edge_agent.infer.self_test import verify_parity


def main(runtime: str, threads: str) -> int:
    """Load the bundle on stdin and run its vectors on the CPU; 0, or 1 with the error as JSON."""
    bound_this_process()
    try:
        bundle = parse_bundle(sys.stdin.buffer.read(), "bundle")
        inspector = BundleInspector(
            bundle.manifest, open_runtime(bundle.model, runtime, int(threads))
        )
        verify_parity(inspector, bundle)
    except LinesideError as error:
        kind = type(error).__name__
        sys.stdout.write(json.dumps([kind, error.what, error.where, error.cure]) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
