"""The verb `status`: of one host, or of every station of an inventory."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from deploy.cli.push import add_host_options, named_host, relay
from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

EXAMPLES = """examples:
  lineside-deploy status station
  lineside-deploy status pi@line3:/var/lib/lineside --json
  lineside-deploy status --stations stations.toml

exit codes: 0 well, 1 a bundle cannot be used, 4 a station is out of reach
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    status = add_verb(verbs, "status", "show what hosts have installed", EXAMPLES, _status)
    status.add_argument("host", nargs="?", metavar="HOST", help="DIR or user@host:DIR")
    status.add_argument(
        "--stations", type=Path, metavar="FILE", help="every station of this inventory"
    )
    add_host_options(status)


def _status(args: argparse.Namespace) -> int:
    from deploy.push.host import ask

    if (args.host is None) == (args.stations is None):
        raise ConfigError(
            "one of HOST and --stations", where="command line", cure="name a host or an inventory"
        )
    if args.stations is not None:
        return _all(args)
    return relay(ask(named_host(args.host, args), "status", *(["--json"] if args.json else [])))


def _all(args: argparse.Namespace) -> int:
    from deploy.rollout.inventory import read_inventory
    from deploy.rollout.survey import survey

    views = survey(read_inventory(args.stations))
    if args.json:
        print(json.dumps([asdict(view) for view in views]))
    else:
        print("\n".join(view.line() for view in views))
    if any(not view.reached for view in views):
        return 4
    return 0 if all(view.is_well for view in views) else 1
