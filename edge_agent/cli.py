"""`lineside-agent`: the verbs of every edge_agent/cli_*.py file."""

from __future__ import annotations

import argparse
import pkgutil
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from edge_agent.contracts.errors import LinesideError

EPILOG = """examples:
  lineside-agent check station.toml
  lineside-agent run station.toml
  lineside-agent predict caps-1.0.0.bundle part.png --json

exit codes: 0 ok, 1 failed, 2 misuse, 3 defect found, 4 device absent
"""


def main(argv: list[str] | None = None) -> int:
    """Run one verb and give its exit code."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except LinesideError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def parser() -> argparse.ArgumentParser:
    """The parser with the verbs that each cli_*.py adds by `register(verbs)`."""
    top = argparse.ArgumentParser(
        prog="lineside-agent",
        description="Inspect parts at the line: cameras and sensors in, verdicts out.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"lineside-agent {version('lineside')}")
    verbs = top.add_subparsers(required=True, dest="verb")
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("cli_"):
            import_module(f"edge_agent.{module.name}").register(verbs)
    return top
