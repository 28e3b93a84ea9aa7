"""`lineside-agent factory-reset`: remove what a station has learned and stored."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from edge_agent.contracts.core.command import Verbs, add_verb

EXAMPLES = """examples:
  lineside-agent factory-reset --root /var/lib/lineside --dry-run
  lineside-agent factory-reset --root /var/lib/lineside --name press3
  lineside-agent factory-reset --root /var/lib/lineside --name press3 --identity

The agent must be stopped; --service stops and starts it, and lineside-follow where
that runs. Bundles, evidence, outbox and what was learned are removed; with --identity also
station.toml, certificates, keys, passwords, trusted root, users and the audit log.
"""


def register(verbs: Verbs) -> None:
    """Add the verb `factory-reset`."""
    about = "remove what a station has learned and stored"
    reset = add_verb(verbs, "factory-reset", about, EXAMPLES, _reset)
    reset.add_argument("--root", type=Path, required=True, metavar="DIR", help="the station folder")
    reset.add_argument("--station", type=Path, metavar="FILE", help="(ROOT/station.toml)")
    reset.add_argument(
        "--name", default="", metavar="ID", help="the station's id, to confirm; not with --dry-run"
    )
    reset.add_argument(
        "--service", default="", metavar="UNIT", help="stop it before, start it after"
    )
    reset.add_argument("--who", default="root", metavar="PERSON", help="for the audit log (root)")
    reset.add_argument("--identity", action="store_true", help="also who it is and whom it trusts")
    reset.add_argument(
        "--discard-verdicts", action="store_true", help="even where verdicts wait to be sent"
    )
    reset.add_argument("--dry-run", action="store_true", help="say what would go, remove nothing")
    reset.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _reset(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.station.config import read_config
    from edge_agent.station.factory_reset import Wish, factory_reset
    from edge_agent.station.service import stopped_with_follower

    path = args.station or args.root / "station.toml"
    config = read_config(path)
    name = args.name or (config.station.id if args.dry_run else "")
    wish = Wish(
        name=name,
        who=args.who,
        identity=args.identity,
        discard_verdicts=args.discard_verdicts,
        dry_run=args.dry_run,
    )
    service = "" if args.dry_run else args.service
    with stopped_with_follower(service, starts=not args.identity):
        done = factory_reset(config, path, args.root, wish, clock=SystemClock())
    if args.json:
        print(json.dumps(asdict(done)))
        return 0
    word = "would be removed" if args.dry_run else "removed"
    for one in done.removed:
        print(f"{word}: {one}")
    waited = "an unknown number of" if done.verdicts is None else done.verdicts
    print(f"{name}: {len(done.removed)} {word}, {waited} verdicts waited")
    if done.audit_head:
        print(f"audit log: {done.audit_head}")
    return 0
