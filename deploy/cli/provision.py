"""The verb `provision`: a running board becomes a station."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from deploy.provision.plan import Plan
    from deploy.provision.provision import Board
    from deploy.provision.wishes import Wishes
    from edge_agent.contracts.model.bundle import Bundle

EXAMPLES = """examples:
  lineside-deploy provision pi@press3 --station station.toml --wheels wheels --dry-run
  lineside-deploy provision pi@press3 --station station.toml --wheels wheels \\
      --trust keys/root.json --bundle caps-1.0.0.bundle --broker broker --key ann.pub
  lineside-deploy provision root@press3 --station station.toml --hostname press3

Does over ssh what `flash --board` and the first boot do for a card; nothing is fetched from a
network. Called again, it does only what is missing. The station's private key is made on the board
and stays there.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    about = "make a running board a station, over ssh"
    verb = add_verb(verbs, "provision", about, EXAMPLES, _provision)
    verb.add_argument("host", metavar="USER@HOST", help="root, or who may `sudo -n`")
    verb.add_argument("--station", type=Path, required=True, metavar="STATION.toml")
    verb.add_argument("--hostname", default="", help="the board's new name")
    verb.add_argument(
        "--key", type=Path, action="append", default=[], metavar="FILE.pub", help="who may log in"
    )
    verb.add_argument("--wheels", type=Path, metavar="DIR", help="the agent's wheels, with pip's")
    verb.add_argument("--trust", type=Path, metavar="ROOT.json", help="root to trust")
    verb.add_argument("--releases", type=Path, metavar="DIR", help="newest signatures (releases)")
    verb.add_argument("--bundle", type=Path, action="append", default=[], metavar="BUNDLE")
    verb.add_argument(
        "--broker",
        type=Path,
        metavar="DIR",
        help="of `broker-config`: CA, the station's password, and a certificate for it",
    )
    verb.add_argument("--ssh-config", type=Path, metavar="FILE", help="as ssh -F")
    verb.add_argument("--dry-run", action="store_true", help="print the plan, change nothing")
    verb.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _provision(args: argparse.Namespace) -> int:
    from deploy.provision.board_state import look
    from deploy.provision.plan import make_plan
    from deploy.provision.provision import Board
    from deploy.provision.wishes import Order, read_order
    from deploy.push.host import parse_host
    from deploy.signing.release import releases_folder
    from edge_agent.contracts.model.bundle import read_bundle

    releases = releases_folder(args.releases, Path("releases"))
    order = Order(args.station, args.hostname, tuple(args.key), args.wheels, args.broker)
    wishes = read_order(order)
    bundles = [read_bundle(path) for path in args.bundle]
    host = parse_host(f"{args.host}:/", ssh_config=args.ssh_config)
    if not host.address:
        raise ConfigError("is no host", where=args.host, cure="write user@host")
    board = Board(host, look(host, [file.path for file in wishes.wanted.files]))
    plan = make_plan(wishes.wanted, board.state, args.host)
    lines = plan.lines()
    if not args.dry_run:
        lines = _carry_out(args, board, plan, wishes, bundles, releases)
    else:
        lines += [f"install {bundle.title}, where it is not there" for bundle in bundles]
        lines += [f"make {wishes.certificate}, where it is not there"] if wishes.certificate else []
        lines += [] if board.state.is_served and not plan.lines() else ["start the agent"]
    _print(args, lines)
    return 0


def _carry_out(
    args: argparse.Namespace,
    board: Board,
    plan: Plan,
    wishes: Wishes,
    bundles: list[Bundle],
    releases: Path,
) -> list[str]:
    """Do what is missing; what was done, in words."""
    from deploy.provision.provision import (
        apply_plan,
        ensure_bundle,
        ensure_certificate,
        ensure_service,
    )
    from deploy.signing.release import with_newest_signature

    apply_plan(board, plan, wishes.wheels)
    done, name = plan.lines(), wishes.wanted.station_id
    if wishes.certificate and ensure_certificate(
        board, wishes.certificate, args.broker, name, datetime.now(UTC)
    ):
        done.append(f"make {wishes.certificate}")
    for path, bundle in zip(args.bundle, bundles, strict=True):
        payload = with_newest_signature(bundle, releases)
        if ensure_bundle(board, bundle.manifest, path.name, payload, args.trust):
            done.append(f"install {bundle.title}")
    if done or not board.state.is_served:
        ensure_service(board)
        done.append("start the agent")
    return done


def _print(args: argparse.Namespace, lines: list[str]) -> None:
    if args.json:
        print(json.dumps({"host": args.host, "dry_run": args.dry_run, "steps": lines}))
        return
    for line in lines:
        print(f"would {line}" if args.dry_run else line)
    if not lines:
        print(f"{args.host}: everything is there", file=sys.stderr)
