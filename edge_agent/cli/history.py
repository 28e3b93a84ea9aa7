"""`lineside-agent history`: what the station decided, and where the pictures are."""

from __future__ import annotations

import argparse
import json
import sys
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.contracts.core.command import Verbs
from edge_agent.contracts.core.printable import printable

if TYPE_CHECKING:
    from edge_agent.evidence.select import Selection

EXAMPLES = """examples:
  lineside-agent history state --since 8h --verdict FAIL
  lineside-agent history state --part PART-4711 --json
  lineside-agent history state --since 8h --csv shift.csv --parquet shift.parquet

Reads the audit log. exit codes: 0 ok, 1 no audit log
"""


def register(verbs: Verbs) -> None:
    """Add the verb `history`."""
    history = verbs.add_parser("history", help="what was decided, newest last", epilog=EXAMPLES)
    history.add_argument("state", type=Path, metavar="STATE_DIR")
    add_selection(history)
    history.add_argument(
        "--limit", type=int, metavar="N", help="only the newest N parts (1000; all into a file)"
    )
    history.add_argument(
        "--csv", type=Path, metavar="FILE", help="write a row for each channel of a part"
    )
    history.add_argument("--parquet", type=Path, metavar="FILE", help="the same as Parquet")
    history.add_argument("--json", action="store_true", help="one JSON object a line and part")
    history.set_defaults(run=_run)


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which parts are meant."""
    parser.add_argument("--since", metavar="TIME", help="30min, 8h, 7d, or 2026-01-31T06:00 (UTC)")
    parser.add_argument("--part", metavar="PART", help="of one part")
    parser.add_argument("--verdict", choices=["PASS", "FAIL", "NO-VERDICT"])
    parser.add_argument("--label", metavar="LABEL", help="that a channel gave")
    parser.add_argument("--channel", metavar="NAME", help="of one channel")


def selection_of(args: argparse.Namespace) -> Selection:
    """What the options say; raises ConfigError."""
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.evidence.select import Selection, parse_since

    since_ns = parse_since(args.since, SystemClock()) if args.since else 0
    return Selection(since_ns, args.part, args.verdict, args.label, args.channel)


def time_text(at_ns: int) -> str:
    """UTC in ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="milliseconds")


def _run(args: argparse.Namespace) -> int:
    from edge_agent.audit.segments import records, segments

    folder = args.state / "audit"
    if not segments(folder):
        print(f"error: {folder}: no audit log is there", file=sys.stderr)
        return 1
    if args.csv is not None or args.parquet is not None:
        return _write(args, folder)
    parts = _parts(records(folder), selection_of(args))
    for part in deque(parts, maxlen=max(1, LIMIT if args.limit is None else args.limit)):
        _name_places(args.state / "evidence", part)
        print(json.dumps(part, ensure_ascii=False) if args.json else _line(part))
    return 0


def _write(args: argparse.Namespace, folder: Path) -> int:
    """Each file from a reading of its own: a log may be larger than memory."""
    from edge_agent.audit.segments import records
    from edge_agent.audit.table import write_csv, write_parquet

    for path, write in ((args.csv, write_csv), (args.parquet, write_parquet)):
        if path is not None:
            parts = _parts(records(folder), selection_of(args))
            found = parts if args.limit is None else deque(parts, maxlen=max(1, args.limit))
            rows = write(path, found)
            text = {"file": str(path), "rows": rows}
            print(json.dumps(text) if args.json else f"{path}: {rows} rows")
    return 0


def _parts(records: Iterator[dict[str, Any]], wanted: Selection) -> Iterator[dict[str, Any]]:
    """The verdicts, each channel with the name of what it judged.

    A content stands near its verdict, before or after it: a part is given after its contents.
    """
    waiting: deque[dict[str, Any]] = deque()
    named: dict[tuple[str, int], str] = {}
    for record in records:
        if record["kind"] == "content":
            named[record["channel"], record["captured_at_ns"]] = record["sha256"]
        elif record["kind"] == "verdict":
            waiting.append(record)
        if len(waiting) > NEAR:
            yield from _fitting(waiting.popleft(), named, wanted)
        if len(named) > 4 * NEAR:
            del named[next(iter(named))]
    while waiting:
        yield from _fitting(waiting.popleft(), named, wanted)


LIMIT = 1000
NEAR = 1000
"""Verdicts after which the content of a part has been recorded, or never will be."""


def _fitting(
    record: dict[str, Any], named: dict[tuple[str, int], str], wanted: Selection
) -> Iterator[dict[str, Any]]:
    channels = record.get("channels", [])
    labels = {channel.get("label", "") for channel in channels}
    names = {channel["channel"] for channel in channels}
    if not wanted.fits(record["at_ns"], record["part_id"], record["verdict"], labels, names):
        return
    for channel in channels:
        sha256 = named.get((channel["channel"], channel.get("captured_at_ns", -1)))
        channel.update({"sha256": sha256} if sha256 else {})
    yield record


def _name_places(folder: Path, part: dict[str, Any]) -> None:
    from edge_agent.evidence.folder import find_object

    for channel in part.get("channels", []):
        kept = find_object(folder, channel["sha256"]) if "sha256" in channel else None
        if kept is not None:
            channel["kept"] = str(kept)


def _line(part: dict[str, Any]) -> str:
    words = [time_text(part["at_ns"]), part["verdict"], part["part_id"], part.get("reason", "")]
    kept = [channel["kept"] for channel in part.get("channels", []) if "kept" in channel]
    return printable("  ".join([*(word for word in words if word), *kept]))
