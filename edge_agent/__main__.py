"""`lineside-agent`: the verbs of every file in edge_agent/cli/."""

from __future__ import annotations

import sys

from edge_agent.contracts.core.command import Program

EPILOG = """examples:
  lineside-agent check station.toml
  lineside-agent run station.toml
  lineside-agent predict caps-1.0.0.bundle part.png --json

exit codes: 0 ok, 1 failed, 2 misuse, 3 defect found, 4 device absent
"""

PROGRAM = Program(
    name="lineside-agent",
    package="edge_agent.cli",
    description="Inspect parts at the line: cameras and sensors in, verdicts out.",
    epilog=EPILOG,
    extra="device",
)
main = PROGRAM.main

if __name__ == "__main__":
    sys.exit(main())
