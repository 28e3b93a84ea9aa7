"""`lineside-agent doctor`: what is wrong with the board below the station, and what to do."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs, add_verb

if TYPE_CHECKING:
    from edge_agent.contracts.core.check_result import CheckResult

EXAMPLES = """examples:
  lineside-agent doctor
  lineside-agent doctor station.toml --user lineside
  lineside-agent doctor station.toml --json --strict

Supply and throttling, temperature, wear of the card, folders, clock, memory, and what station.toml
names: device nodes, libraries, ports. It opens no device; `check` does that.
exit code: 0 no fault, 1 a fault (with --strict: or a warning), 4 a device is absent
"""


def register(verbs: Verbs) -> None:
    """Add the verb `doctor`."""
    about = "look at the board: power, heat, card, clock, rights, packages, and the cures"
    verb = add_verb(verbs, "doctor", about, EXAMPLES, _run)
    verb.add_argument("config", type=Path, nargs="?", metavar="STATION.toml")
    verb.add_argument("--user", default="", metavar="NAME", help="whose rights (this process's)")
    verb.add_argument("--strict", action="store_true", help="a warning is a failure")
    verb.add_argument("--json", action="store_true", help="one JSON object a line")


def _run(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.health.board.checks import check_board, this_board
    from edge_agent.station.board_needs import needs_of
    from edge_agent.station.config import read_config

    config = None if args.config is None else read_config(args.config)
    board = this_board(needs_of(config), SystemClock(), args.user)
    found = []
    for result in check_board(board):
        print(json.dumps(result.row()) if args.json else _line(result), flush=True)
        found.append(result)
    return _exit_code(found, strict=args.strict)


def _line(result: CheckResult) -> str:
    cure = f": {result.cure}" if result.cure else ""
    return f"{result.grade:<7}  {result.what:<20}  {result.detail}{cure}"


def _exit_code(found: list[CheckResult], *, strict: bool) -> int:
    faults = [result for result in found if result.grade == "FAIL"]
    warnings = sum(result.grade == "WARN" for result in found)
    print(f"{len(found)} checks, {len(faults)} faults, {warnings} warnings", file=sys.stderr)
    if any(result.exit_code == 4 for result in faults):
        return 4
    return 1 if faults or (strict and warnings) else 0
