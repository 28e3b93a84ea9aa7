"""`lineside-agent audit`: prove the log of verdicts, and answer why a part passed."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.contracts.core.command import Verbs
from edge_agent.contracts.core.printable import printable

EXAMPLES = """examples:
  lineside-agent audit verify state/audit
  lineside-agent audit verify state/audit --head 4711:9f2c...
  lineside-agent audit show state/audit PART-4711
  lineside-agent audit head state/audit

exit codes: 0 ok, 1 no such log or part, 3 the log was changed
"""
CONTEXT = ("start", "state", "change")
"""Kinds of records that say what was in force when a part was judged."""


def register(verbs: Verbs) -> None:
    """Add the verb `audit`."""
    audit = verbs.add_parser("audit", help="verify and read the audit log", epilog=EXAMPLES)
    actions = audit.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = _action(actions, "verify", "find any change, removal or insertion", _verify)
    verify.add_argument(
        "--head",
        action="append",
        default=[],
        metavar="SEQ:DIGEST",
        help="a head that the plant was told; shows that the end is still there",
    )
    show = _action(actions, "show", "why a part got its verdict", _show)
    show.add_argument("part", metavar="PART")
    _action(actions, "head", "number and digest of the last record", _head)


def _action(actions: Verbs, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, epilog=EXAMPLES)
    parser.add_argument("folder", type=Path, metavar="STATE_DIR/audit")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.set_defaults(run=run)
    return parser


def _verify(args: argparse.Namespace) -> int:
    from edge_agent.audit.chain import Head
    from edge_agent.audit.segments import verify

    found = verify(args.folder, tuple(Head.parse(text) for text in args.head))
    if args.json:
        print(json.dumps({"whole": found.whole, **asdict(found)}))
    elif found.whole:
        print(f"{found.records} records from {found.first_seq} on are whole; head {found.head}")
    else:
        for fault in found.faults:
            print(f"FAULT at record {fault.seq}: {fault.what}")
    return 0 if found.whole else 3


def _head(args: argparse.Namespace) -> int:
    from edge_agent.audit.segments import verify

    head = verify(args.folder).head
    print(json.dumps(asdict(head)) if args.json else head)
    return 0


def _show(args: argparse.Namespace) -> int:
    from edge_agent.audit.segments import records, verify
    from edge_agent.evidence.folder import find_object

    whole = verify(args.folder).whole
    found, context, contents = _find(records(args.folder), args.part)
    for content in contents:
        kept = find_object(args.folder.parent / "evidence", content["sha256"])
        content["kept"] = None if kept is None else str(kept)
    if args.json:
        shown = {"whole": whole, "verdicts": found, "context": context, "contents": contents}
        print(json.dumps(shown))
    else:
        for record in found:
            print("\n".join(_lines(record)))
        for content in contents:
            print(f"  {content['channel']} judged {content['sha256']}, {_place(content)}")
        for record in context.values():
            print(f"{_time(record)} {record['kind']}: {_short(record)}")
    if not whole:
        print("FAULT: the log was changed: run `audit verify`", file=sys.stderr)
        return 3
    if not found:
        print(f"error: no verdict on {printable(args.part)} is in this log", file=sys.stderr)
        return 1
    return 0


def _find(
    records: Any, part: str
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """The verdicts on a part, what was in force at the first of them, and what was judged."""
    found: list[dict[str, Any]] = []
    latest: dict[str, dict[str, Any]] = {}
    context: dict[str, dict[str, Any]] = {}
    contents: list[dict[str, Any]] = []
    for record in records:
        if record["kind"] in CONTEXT:
            latest[record["kind"]] = record
        elif record.get("part_id") == part and record["kind"] == "content":
            contents.append(record)
        elif record.get("part_id") == part and record["kind"] == "verdict":
            found.append(record)
            context = context or dict(latest)
    return found, context, contents


def _place(content: dict[str, Any]) -> str:
    return f"kept in {content['kept']}" if content["kept"] else "not kept"


def _lines(record: dict[str, Any]) -> list[str]:
    head = f"{_time(record)} {printable(record['part_id'])} {record['verdict']}"
    reason = printable(record.get("reason", ""))
    lines = [f"{head}, {record['action']}" + (f": {reason}" if reason else "")]
    for channel in record.get("channels", []):
        score, threshold = channel.get("score"), channel.get("threshold")
        known = score is not None and threshold is not None
        held = f" score {score:.4g} against {threshold:.4g}" if known else ""
        words = f"{channel['verdict']} {channel.get('label', '')}".strip()
        lines.append(f"  {channel['channel']} ({channel['bundle']}): {printable(words)}{held}")
    return lines


def _short(record: dict[str, Any]) -> str:
    rest = {key: value for key, value in record.items() if key not in ("seq", "at_ns", "kind")}
    return printable(json.dumps(rest, ensure_ascii=False))


def _time(record: dict[str, Any]) -> str:
    return datetime.fromtimestamp(record["at_ns"] / 1e9, UTC).isoformat(timespec="milliseconds")
