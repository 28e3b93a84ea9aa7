"""`lineside-agent golden`: known-good and known-bad parts past the running station."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.printable import printable

if TYPE_CHECKING:
    from edge_agent.golden.check import GoldenRequest, GoldenResult
    from edge_agent.golden.folder import GoldenFolder

EXAMPLES = """examples:
  lineside-agent golden check station.toml --parts good bad:scratch bad good
  lineside-agent golden status station.toml
  lineside-agent golden clear station.toml --by "M. Weber"

The agent must run. `check` says that the next parts at the line are golden ones, in this order. One
that is decided wrongly stops passing before the next part, until a check is right or somebody
clears it; all of it is in the audit log.

exit codes: 0 ok, 1 no answer from the agent, 3 a golden part was decided wrongly, or one is due
"""
LOOK_S = 0.1
ANSWER_S = 10.0
"""Longest wait for the agent to take a request."""


def register(verbs: Verbs) -> None:
    """Add the verb `golden`."""
    golden = verbs.add_parser("golden", help="golden parts past the station", epilog=EXAMPLES)
    actions = golden.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = _action(actions, "check", "the next parts are golden", _check)
    check.add_argument(
        "--parts", nargs="+", required=True, metavar="PART", help="good, bad, or bad:LABEL"
    )
    check.add_argument("--no-wait", action="store_true", help="do not wait for the result")
    _action(actions, "status", "the last result, and whether parts are due", _status)
    _action(actions, "clear", "let parts pass again without golden parts", _clear)


def _action(actions: Verbs, name: str, text: str, run: object) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, epilog=EXAMPLES)
    parser.add_argument("config", type=Path, metavar="STATION.toml")
    parser.add_argument("--by", default="", metavar="NAME", help="who (the user)")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    parser.set_defaults(run=run)
    return parser


def _check(args: argparse.Namespace) -> int:
    from edge_agent.station.config import read_config

    config = read_config(args.config)
    parts, labels = _parts(args.parts)
    files, request = _ask(args, config.station.state_dir, parts, labels)
    if args.no_wait:
        return 0
    print(f"send {len(parts)} golden parts: {', '.join(args.parts)}", file=sys.stderr)
    result = _wait(files, request.number, config.golden.within_s + ANSWER_S)
    if result is None:
        print("error: the agent gave no result: does it run?", file=sys.stderr)
        return 1
    _show(args, result)
    return 0 if result.passed else 3


def _status(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.golden.gate import GoldenGate
    from edge_agent.station.config import read_config

    station = read_config(args.config)
    gate = GoldenGate(
        station.station.state_dir,
        station.station.safe_action,
        station.golden,
        clock=SystemClock(),
    )
    gate.load()
    due, result = gate.due(), gate.last_result()
    if args.json:
        shown = None if result is None else result.model_dump(mode="json")
        print(json.dumps({"stopped_by": gate.by, "due": due, "last": shown}))
    else:
        print(f"passing is stopped: {printable(gate.by)}" if gate.by else "parts may pass")
        print(due or "no golden parts are due")
        if result is not None:
            _show(args, result)
    return 3 if gate.by or due else 0


def _clear(args: argparse.Namespace) -> int:
    from edge_agent.station.config import read_config

    files, request = _ask(args, read_config(args.config).station.state_dir, [], [])
    if _wait(files, request.number, ANSWER_S) is None:
        print("error: the agent did not answer: does it run?", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps({"cleared_by": request.by}))
    return 0


def _parts(given: list[str]) -> tuple[list[str], list[str]]:
    """What each part is, and its label."""
    kinds, labels = [], []
    for text in given:
        kind, _, label = text.partition(":")
        if kind not in ("good", "bad") or (label and kind == "good"):
            raise ConfigError(f"{text!r}", where="--parts", cure="give good, bad or bad:LABEL")
        kinds.append(kind)
        labels.append(label)
    return kinds, labels


def _ask(
    args: argparse.Namespace, state_dir: Path, parts: list[str], labels: list[str]
) -> tuple[GoldenFolder, GoldenRequest]:
    from edge_agent.golden.check import GoldenRequest
    from edge_agent.golden.folder import GoldenFolder

    files = GoldenFolder(state_dir)
    last = files.result()
    request = GoldenRequest.model_validate(
        {
            "number": 1 if last is None else last.number + 1,
            "by": args.by or _user(),
            "parts": parts,
            "labels": labels,
            "at_ns": time.time_ns(),
        }
    )
    files.ask(request)
    return files, request


def _user() -> str:
    """The name of the user who types; a user without a name, as in a container, by its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # before Python 3.13 a KeyError
        return str(os.getuid())


def _wait(files: GoldenFolder, number: int, limit_s: float) -> GoldenResult | None:
    """The result of that request; None where the agent does not take it, or is too slow."""
    until = time.monotonic() + limit_s
    taken_until = time.monotonic() + ANSWER_S
    while time.monotonic() < until:
        result = files.result()
        if result is not None and result.number >= number:
            return result
        if files.has_request() and time.monotonic() > taken_until:
            return None
        time.sleep(LOOK_S)
    return None


def _show(args: argparse.Namespace, result: GoldenResult) -> None:
    if args.json:
        print(result.model_dump_json())
        return
    for one in result.seen:
        words = one.fault or "right"
        print(printable(f"  {one.part_id}: {one.expected}, {one.verdict}: {words}"))
    print(printable(result.fault) if result.fault else "all golden parts were decided rightly")
