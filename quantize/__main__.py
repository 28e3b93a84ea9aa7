"""`lineside-quantize`: the verbs of every file in quantize/cli/."""

from __future__ import annotations

import sys

from edge_agent.contracts.core.command import Program

EPILOG = """example:
  lineside-quantize convert runs/castings --out castings.bundle --target rpi5
  lineside-quantize compare runs/castings castings.bundle
  lineside-quantize verify castings.bundle

exit codes: 0 ok, 1 failed, 2 misuse, 4 station or accelerator absent
"""

PROGRAM = Program(
    name="lineside-quantize",
    package="quantize.cli",
    description="Turn a trained network into int8 TFLite and prove that nothing was lost.",
    epilog=EPILOG,
)
main = PROGRAM.main

if __name__ == "__main__":
    sys.exit(main())
