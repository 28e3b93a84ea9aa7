"""`lineside-quantize`: the verbs of every quantize/cli_*.py file."""

from __future__ import annotations

from edge_agent.contracts.program import Program

EPILOG = """example:
  lineside-quantize convert runs/castings --out castings.bundle --target rpi5
  lineside-quantize compare runs/castings castings.bundle
  lineside-quantize verify castings.bundle

exit codes: 0 ok, 1 failed, 2 misuse, 4 station or accelerator absent
"""

PROGRAM = Program(
    name="lineside-quantize",
    package="quantize",
    description="Turn a trained network into int8 TFLite and prove that nothing was lost.",
    epilog=EPILOG,
)
main = PROGRAM.main
