"""`lineside-train`: the verbs of every trainer/cli_*.py file."""

from __future__ import annotations

import argparse
import pkgutil
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from edge_agent.contracts.errors import LinesideError

EPILOG = """example:
  lineside-train check data/castings
  lineside-train fit data/castings --out runs/castings
  lineside-train evaluate runs/castings data/castings_july
"""


def main(argv: list[str] | None = None) -> int:
    """Run one verb; 0 ok, 1 failed, 2 misuse, 3 faults found."""
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
        prog="lineside-train",
        description="Train small inspection networks on a factory's own data.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"lineside-train {version('lineside')}")
    verbs = top.add_subparsers(required=True, metavar="VERB")
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("cli_"):
            import_module(f"trainer.{module.name}").register(verbs)
    return top
