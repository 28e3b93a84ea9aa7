"""The verb `report`: a shift of the plant on one page."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from edge_agent.contracts.core.command import Verbs, add_verb

EXAMPLES = """examples:
  lineside-deploy report --db history.db --shift 06:00-14:00 --out shift.html
  lineside-deploy report --db postgresql://reader@db/plant --shift 22:00-06:00 \\
      --date 2026-11-27 --zone Europe/Berlin --out night.html --pdf night.pdf
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    text = "write a shift of the plant as one page: yield, causes, p-charts, escapes"
    report = add_verb(verbs, "report", text, EXAMPLES, _report)
    report.add_argument("--db", required=True, metavar="PLACE", help="SQLite file, postgresql://..")
    report.add_argument("--shift", required=True, metavar="HH:MM-HH:MM", help="the shift's hours")
    report.add_argument("--date", metavar="YYYY-MM-DD", help="the day it begins; default today")
    report.add_argument("--zone", default="UTC", help="the plant's time zone; default UTC")
    report.add_argument("--out", type=Path, metavar="HTML", help="the page; default shift.html")
    report.add_argument("--pdf", type=Path, metavar="PDF", help="print it too, by Chromium")
    report.add_argument("--json", action="store_true", help="the figures as JSON on stdout")


def _report(arguments: argparse.Namespace) -> int:
    from deploy.history.pdf import print_pdf
    from deploy.history.places import store_at
    from deploy.history.shift import shift_of, zone_of
    from deploy.history.shift_report import as_document, page, shift_report
    from edge_agent.contracts.core.files import write_atomic

    zone = zone_of(arguments.zone)
    now = datetime.now(UTC).astimezone(zone)
    shift = shift_of(arguments.shift, _day(arguments.date) or now.date(), zone)
    with store_at(arguments.db, writes=False) as store:
        report = shift_report(store, shift)
    out = arguments.out or Path("shift.html")
    write_atomic(out, page(report, f"{now:%Y-%m-%d %H:%M %Z}").encode())
    if arguments.pdf is not None:
        print_pdf(out, arguments.pdf)
    if arguments.json:
        print(json.dumps(as_document(report)))
    parts = sum(one.parts for one in report.stations)
    written = " and ".join(str(path) for path in (out, arguments.pdf) if path is not None)
    print(f"{parts} parts of {len(report.stations)} stations: {written}", file=sys.stderr)
    return 0


def _day(text: str | None) -> date | None:
    from edge_agent.contracts.core.errors import ConfigError

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        cure = "write it as 2026-11-27"
        raise ConfigError(f"{text!r} is no day", where="--date", cure=cure) from error
