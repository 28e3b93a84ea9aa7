"""The verb `watch`: the plant in a terminal."""

from __future__ import annotations

import argparse
import dataclasses
import json

from edge_agent.contracts.core.argument_types import seconds
from edge_agent.contracts.core.command import Verbs, add_verb

EXAMPLES = """examples:
  lineside-deploy watch --db history.db
  lineside-deploy watch --db postgresql://reader@db/plant --once --json

exit codes: 0 every station is armed, 3 one is not, or is silent (with --once)
"""
CLEAR = "\x1b[H\x1b[2J"


def register(verbs: Verbs) -> None:
    """Add the verb."""
    watch = add_verb(verbs, "watch", "show every station of the plant", EXAMPLES, _watch)
    watch.add_argument("--db", required=True, metavar="PLACE", help="SQLite file, postgresql://...")
    watch.add_argument("--every", type=seconds, default=2.0, metavar="S", help="seconds; default 2")
    watch.add_argument("--once", action="store_true", help="print once and end")
    watch.add_argument("--json", action="store_true", help="one line of JSON for each reading")


def _watch(arguments: argparse.Namespace) -> int:
    from deploy.history.places import store_at
    from deploy.history.plant import plant_now, plant_text
    from edge_agent.contracts.core.clock import SystemClock

    clock = SystemClock()
    with store_at(arguments.db, writes=False) as store:
        while True:
            now_ns = clock.utc_ns()
            lines = plant_now(store, now_ns)
            if arguments.json:
                stations = [
                    {**dataclasses.asdict(line), "silent": line.is_silent} for line in lines
                ]
                print(json.dumps({"at_ns": now_ns, "stations": stations}), flush=True)
            else:
                clear = "" if arguments.once else CLEAR
                print(f"{clear}{plant_text(lines, now_ns)}", flush=True)
            if arguments.once:
                return 0 if all(one.state == "armed" and not one.is_silent for one in lines) else 3
            clock.sleep_s(arguments.every)
