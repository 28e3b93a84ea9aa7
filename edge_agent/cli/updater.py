"""`lineside-agent updater`: releases that Mender, RAUC or hawkBit hand over."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.argument_types import up_to_a_day
from edge_agent.contracts.core.command import Verbs

if TYPE_CHECKING:
    from edge_agent.update.updater import Updater

EXAMPLES = """examples:
  lineside-agent updater mender ArtifactInstall DIR --root /var/lib/lineside
  lineside-agent updater rauc slot-install --root /var/lib/lineside --probation 120
  lineside-agent updater hawkbit --url https://hawkbit.plant --id press1 \\
      --token-file /var/lib/lineside/hawkbit.token --root /var/lib/lineside

Mender and RAUC call it themselves; for hawkBit it runs as a service. Whoever hands a release over,
the station checks it by the root that it trusts, and brings it through every state of
`lineside-agent update`. docs/update-adapters.md has the steps.
"""


def register(verbs: Verbs) -> None:
    """Add the verb `updater`."""
    from edge_agent.update.updater import UPDATERS

    updater = verbs.add_parser(
        "updater", help="take releases that another updater hands over", epilog=EXAMPLES
    )
    names = updater.add_subparsers(dest="updater", required=True, metavar="UPDATER")
    for name, row in UPDATERS.rows().items():
        _add(names, name, row)


def _add(names: Verbs, name: str, row: Updater) -> None:
    from edge_agent.update.updater import PROBATION_S

    parser = names.add_parser(name, help=row.text, epilog=EXAMPLES)
    row.add_options(parser)
    parser.add_argument(
        "--root", type=Path, required=True, metavar="DIR", help="the station folder"
    )
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="(that of station.toml)")
    parser.add_argument(
        "--probation",
        type=up_to_a_day,
        default=PROBATION_S,
        metavar="S",
        help=f"watch the station for S seconds after the switch ({PROBATION_S:g})",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from edge_agent.cli.run import stop_on_signals
    from edge_agent.cli.slots import self_test
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.station.log import flush_log, start_log
    from edge_agent.update.folder import refuse_missing
    from edge_agent.update.state_word import state_dir_of
    from edge_agent.update.updater import UPDATERS, Call
    from edge_agent.update.watches import watched_station

    refuse_missing(args.root)  # a service would say so at every poll, and never end
    clock = SystemClock()
    state = args.state_dir or state_dir_of(args.root / "station.toml")
    station = watched_station(args.root, self_test, clock, state)
    start_log(logging.INFO)
    try:
        return UPDATERS.find(args.updater).run(Call(args, station, _say, stop_on_signals))
    finally:
        flush_log()


def _say(line: str) -> None:
    print(line)
    sys.stdout.flush()
