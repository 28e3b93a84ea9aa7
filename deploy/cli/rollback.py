"""The verb `rollback`."""

from __future__ import annotations

import argparse

from deploy.cli.push import add_host_options, named_host, relay
from edge_agent.contracts.core.command import Verbs, add_verb

EXAMPLES = """examples:
  lineside-deploy rollback station
  lineside-deploy rollback pi@line3:/var/lib/lineside caps
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    back = add_verb(
        verbs, "rollback", "make a host's previous bundle current again", EXAMPLES, _rollback
    )
    back.add_argument("host", metavar="HOST", help="DIR or user@host:DIR")
    back.add_argument(
        "name", nargs="?", metavar="NAME", help="which bundle; may be left out where there is one"
    )
    add_host_options(back)


def _rollback(args: argparse.Namespace) -> int:
    from deploy.push.host import ask

    words = [*(["--json"] if args.json else []), *([args.name] if args.name else [])]
    return relay(ask(named_host(args.host, args), "rollback", *words))
