"""The verb `unit`: the station's systemd units."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

EXAMPLES = """examples:
  lineside-deploy unit
  lineside-deploy unit --out /etc/systemd/system
  lineside-deploy unit --follow https://releases.plant/ --out /etc/systemd/system
  lineside-deploy unit --follow https://releases.plant/ --ca /var/lib/lineside/tls/releases-ca.pem
  lineside-deploy unit --program /usr/local/bin/lineside-agent --station /srv/press3/station.toml

On the station. --follow prints the unit that takes part in rollouts over MQTT. --out names a
folder, or a file that ends in .service.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    from deploy.systemd.unit import CONFIG, PROGRAM, USER

    unit = add_verb(verbs, "unit", "print or install the agent's systemd unit", EXAMPLES, _unit)
    unit.add_argument("--program", default=PROGRAM, metavar="PATH", help=f"({PROGRAM})")
    unit.add_argument("--station", default=CONFIG, metavar="STATION.toml", help=f"({CONFIG})")
    unit.add_argument("--user", default=USER, metavar="NAME", help=f"who runs it ({USER})")
    unit.add_argument(
        "--follow", metavar="DIR|URL", help="follow rollouts, with releases from there"
    )
    unit.add_argument(
        "--ca", metavar="FILE", help="with --follow: who signs the certificate of that server"
    )
    unit.add_argument("--out", type=Path, metavar="DIR|FILE", help="write it there")
    unit.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _unit(args: argparse.Namespace) -> int:
    from deploy.systemd.unit import FOLLOW_NAME, NAME, follow_text, unit_text
    from edge_agent.contracts.core.files import write_atomic

    name = FOLLOW_NAME if args.follow else NAME
    if args.ca and not args.follow:
        raise ConfigError("is of no use alone", where="--ca", cure="add --follow URL")
    if args.follow:
        text = follow_text(args.follow, ca=args.ca, program=args.program, config=args.station)
    else:
        text = unit_text(program=args.program, config=args.station, user=args.user)
    if args.out is None:
        print(json.dumps({"unit": text}) if args.json else text, end="\n" if args.json else "")
        return 0
    path = args.out if args.out.suffix == ".service" else args.out / name
    write_atomic(path, text.encode())
    print(json.dumps({"path": str(path), "unit": text}) if args.json else path)
    print(f"next: systemctl daemon-reload && systemctl enable --now {path.stem}", file=sys.stderr)
    return 0
