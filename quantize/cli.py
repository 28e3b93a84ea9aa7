"""`lineside-quantize`: the verbs of every quantize/cli_*.py file."""

from __future__ import annotations

import argparse
import pkgutil
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from edge_agent.contracts.errors import LinesideError

EPILOG = """example:
  lineside-quantize convert runs/castings --out castings.bundle --target rpi5
  lineside-quantize compare runs/castings castings.bundle
  lineside-quantize verify castings.bundle
"""


def main(argv: list[str] | None = None) -> int:
    """Run one verb; 0 ok, 1 failed, 2 misuse."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except LinesideError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """The parser with the verbs that each cli_*.py adds by `register(verbs)`."""
    top = argparse.ArgumentParser(
        prog="lineside-quantize",
        description="Turn a trained network into int8 TFLite and prove that nothing was lost.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "--version", action="version", version=f"lineside-quantize {version('lineside')}"
    )
    verbs = top.add_subparsers(required=True, metavar="VERB")
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("cli_"):
            import_module(f"quantize.{module.name}").register(verbs)
    return top
