"""The verb `factory-reset`."""

from __future__ import annotations

import argparse
import getpass
import socket
import sys

from deploy.cli.push import add_host_options, named_host, relay
from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

EXAMPLES = """examples:
  lineside-deploy factory-reset pi@line3:/var/lib/lineside --dry-run
  lineside-deploy factory-reset pi@line3:/var/lib/lineside
  lineside-deploy factory-reset pi@line3:/var/lib/lineside --name press3 --identity

Asks for the station's name. Removes bundles, evidence, outbox and what the station has learned;
with --identity also station.toml, certificates, trusted root, users and the audit log.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    about = "remove what a host has learned and stored"
    reset = add_verb(verbs, "factory-reset", about, EXAMPLES, _reset)
    reset.add_argument("host", metavar="HOST", help="DIR or user@host:DIR")
    reset.add_argument("--name", default="", metavar="ID", help="the station's id, to confirm")
    reset.add_argument("--identity", action="store_true", help="also who it is and whom it trusts")
    reset.add_argument(
        "--discard-verdicts", action="store_true", help="even where verdicts wait to be sent"
    )
    reset.add_argument(
        "--service",
        default="lineside-agent",
        metavar="UNIT",
        help="stopped before, started after; '' for none (lineside-agent)",
    )
    reset.add_argument("--dry-run", action="store_true", help="say what would go, remove nothing")
    add_host_options(reset)


def _reset(args: argparse.Namespace) -> int:
    from deploy.push.host import ask

    host = named_host(args.host, args)
    # A dry run removes nothing: there is nothing to confirm.
    name = args.name if args.name or args.dry_run else _asked()
    words = [*([f"--name={name}"] if name else []), f"--service={args.service}"]
    words += [f"--who={getpass.getuser()}@{socket.gethostname()}"]
    flags = ("identity", "discard_verdicts", "dry_run", "json")
    words += [f"--{flag.replace('_', '-')}" for flag in flags if getattr(args, flag)]
    return relay(ask(host, *words, verb="factory-reset"))


def _asked() -> str:
    """The name that a person types; raises ConfigError where nobody can."""
    if not sys.stdin.isatty():
        raise ConfigError(
            "nobody can confirm", where="command line", cure="name the station with --name"
        )
    print("type the station's name to go on: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
