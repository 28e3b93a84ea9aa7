"""The verb `status`."""

from __future__ import annotations

import argparse

from deploy.cli.push import add_host_options, named_host, relay
from edge_agent.contracts.core.command import Verbs, add_verb

EXAMPLES = """examples:
  lineside-deploy status station
  lineside-deploy status pi@line3:/var/lib/lineside --json
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    status = add_verb(verbs, "status", "show what a host has installed", EXAMPLES, _status)
    status.add_argument("host", metavar="HOST", help="DIR or user@host:DIR")
    add_host_options(status)


def _status(args: argparse.Namespace) -> int:
    from deploy.push.host import ask

    return relay(ask(named_host(args.host, args), "status", *(["--json"] if args.json else [])))
