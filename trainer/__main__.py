"""`lineside-train`: the verbs of every file in trainer/cli/."""

from __future__ import annotations

import sys

from edge_agent.contracts.core.command import Program

EPILOG = """example:
  lineside-train check data/castings
  lineside-train fit data/castings --out runs/castings
  lineside-train evaluate runs/castings data/castings_july

exit codes: 0 ok, 1 failed, 2 misuse, 3 faults found
"""

PROGRAM = Program(
    name="lineside-train",
    package="trainer.cli",
    description="Train small inspection networks on a factory's own data.",
    epilog=EPILOG,
)
main = PROGRAM.main
parser = PROGRAM.parser

if __name__ == "__main__":
    sys.exit(main())
