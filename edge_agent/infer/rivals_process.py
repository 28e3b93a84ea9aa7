"""The process that measures runtimes: `python -m edge_agent.infer.rivals_process`.

The first line of stdin is JSON, [names of runtimes, threads]; the bundle follows. Each runtime's
row (timed.Timed) is a line of JSON on stdout as soon as it is known: whatever ends this process,
what was measured before counts.
"""

from __future__ import annotations

import json
import os
import sys

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.isolation import bound_this_process
from edge_agent.contracts.model.bundle import parse_bundle
from edge_agent.infer.rivals import measure
from edge_agent.infer.runtime_choice import find_runtime


def main() -> int:
    """Measure; 0, or 1 where the bundle cannot be read."""
    bound_this_process()
    names, threads = json.loads(sys.stdin.buffer.readline())
    try:
        bundle = parse_bundle(sys.stdin.buffer.read(), "bundle")
        for row in measure(bundle, [find_runtime(name) for name in names], threads):
            sys.stdout.write(row.model_dump_json() + "\n")
            sys.stdout.flush()
    except LinesideError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    os._exit(code)  # as of a trial: taking the libraries apart is waited for otherwise
