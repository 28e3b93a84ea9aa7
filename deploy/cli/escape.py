"""The verb `escape`: a bad part that was found after the station had accepted it."""

from __future__ import annotations

import argparse
import json

from edge_agent.contracts.core.command import Verbs, add_verb

EXAMPLES = """examples:
  lineside-deploy escape press-3 part-000817 --db history.db --label crack --origin customer
  sqlite3 history.db 'SELECT * FROM escape_rate'
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    text = "record a bad part that was found after a station had accepted it"
    verb = add_verb(verbs, "escape", text, EXAMPLES, _escape)
    verb.add_argument("station", metavar="STATION", help="station.id of who inspected it")
    verb.add_argument("part", metavar="PART", help="its part id")
    verb.add_argument("--db", required=True, metavar="PLACE", help="SQLite file, postgresql://...")
    verb.add_argument("--label", required=True, help="what is wrong with it")
    verb.add_argument("--origin", default="", help="where it was found: assembly, customer")
    verb.add_argument("--json", action="store_true", help="the result as JSON")


def _escape(arguments: argparse.Namespace) -> int:
    from deploy.history.found_later import Finding, record
    from deploy.history.places import store_at
    from edge_agent.contracts.core.clock import SystemClock

    finding = Finding(arguments.station, arguments.part, arguments.label, arguments.origin)
    with store_at(arguments.db) as store:
        escapes = record(store, [finding], SystemClock().utc_ns())
    if arguments.json:
        print(json.dumps({"station": finding.station, "part_id": finding.part_id,
                          "escape": escapes > 0}))  # fmt: skip
    else:
        word = "an escape" if escapes else "no escape: the station did not accept it"
        print(f"{finding.part_id} at {finding.station} is recorded: {word}")
    return 0
