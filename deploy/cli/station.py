"""The verbs that speak to a station: `push`, `status`, `rollback`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import SignatureError

if TYPE_CHECKING:
    from deploy.push.host import Answer

PUSH_EXAMPLES = """examples:
  lineside-deploy push caps-1.0.0.bundle --to station --trust keys/*.pub
  lineside-deploy push caps-1.1.0.bundle --to pi@line3:/var/lib/lineside
"""
STATUS_EXAMPLES = """examples:
  lineside-deploy status station
  lineside-deploy status pi@line3:/var/lib/lineside --json
"""
ROLLBACK_EXAMPLES = """examples:
  lineside-deploy rollback station
  lineside-deploy rollback pi@line3:/var/lib/lineside caps
"""


def register(verbs: Verbs) -> None:
    """Add the verbs."""
    _register_push(verbs)
    status = add_verb(verbs, "status", "what a station has installed", STATUS_EXAMPLES, _status)
    status.add_argument("target", metavar="TARGET", help="DIR or user@host:DIR")
    status.add_argument("--json", action="store_true", help="one JSON document on stdout")
    _ssh_options(status)
    back = add_verb(
        verbs,
        "rollback",
        "make a station's previous bundle current again",
        ROLLBACK_EXAMPLES,
        _rollback,
    )
    back.add_argument("target", metavar="TARGET", help="DIR or user@host:DIR")
    back.add_argument(
        "name", nargs="?", metavar="NAME", help="which bundle; may be left out where there is one"
    )
    _ssh_options(back)


def _register_push(verbs: Verbs) -> None:
    push = add_verb(verbs, "push", "install a signed bundle on a station", PUSH_EXAMPLES, _push)
    push.add_argument("bundle", type=Path, metavar="BUNDLE")
    push.add_argument("--to", required=True, metavar="TARGET", help="DIR or user@host:DIR")
    push.add_argument(
        "--trust", type=Path, metavar="KEY.pub", help="make the station trust this public key"
    )
    push.add_argument("--dry-run", action="store_true", help="check everything, change nothing")
    _ssh_options(push)


def _ssh_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--program",
        default="lineside-agent",
        metavar="COMMAND",
        help="the station's program, where it is not on its PATH (lineside-agent)",
    )
    verb.add_argument("--ssh-config", type=Path, metavar="FILE", help="as ssh -F")


def _push(args: argparse.Namespace) -> int:
    from deploy.push import host as station
    from edge_agent.contracts.model.bundle import read_bundle

    target = station.parse_target(args.to, args.program, args.ssh_config)
    if read_bundle(args.bundle).signature is None:
        raise SignatureError(
            "not signed", where=str(args.bundle), cure="run `lineside-deploy sign` on it"
        )
    return _relay(station.install(target, args.bundle, args.trust, dry_run=args.dry_run))


def _status(args: argparse.Namespace) -> int:
    return _ask(args, "status", *(["--json"] if args.json else []))


def _rollback(args: argparse.Namespace) -> int:
    return _ask(args, "rollback", *([args.name] if args.name else []))


def _ask(args: argparse.Namespace, *words: str) -> int:
    from deploy.push import host as station

    target = station.parse_target(args.target, args.program, args.ssh_config)
    return _relay(station.ask(target, *words))


def _relay(answer: Answer) -> int:
    """Repeat what the station said, with its exit code."""
    print(answer.stdout, end="")
    print(answer.stderr, end="", file=sys.stderr)
    return answer.code
