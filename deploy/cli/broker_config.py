"""The verb `broker-config`: the files of a broker that keeps what it acknowledges."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.contracts.core.argument_types import port
from edge_agent.contracts.core.command import Verbs, add_verb

PLACES = {"mosquitto": "/etc/mosquitto/lineside", "rabbitmq": "/etc/rabbitmq/lineside"}
EXAMPLES = """examples:
  lineside-deploy broker-config mosquitto --host broker.plant --station press-3 --out broker
  lineside-deploy broker-config rabbitmq --host broker.plant --station press-3 --station press-4 \\
      --out broker --cluster

Called again for the same folder, passwords and authority stay; the broker's certificate is renewed.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    text = "write users, rights, TLS and persistence of a mosquitto or RabbitMQ"
    verb = add_verb(verbs, "broker-config", text, EXAMPLES, _write)
    verb.add_argument("broker", choices=sorted(PLACES))
    verb.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    verb.add_argument(
        "--host", action="append", required=True, metavar="NAME", help="of the broker; repeatable"
    )
    verb.add_argument(
        "--station", action="append", required=True, metavar="ID", help="station.id; repeatable"
    )
    verb.add_argument("--prefix", default="lineside", help="mqtt.topic_prefix of the stations")
    verb.add_argument(
        "--sparkplug-group", default="", metavar="GROUP", help="stations are edge nodes of it, too"
    )
    verb.add_argument("--port", type=port, default=8883, help="TLS port of the broker (8883)")
    verb.add_argument("--place", metavar="DIR", help="where the files will lie at the broker")
    verb.add_argument("--cluster", action="store_true", help="RabbitMQ: quorum queues")
    verb.add_argument("--json", action="store_true", help="one JSON object")


def _write(args: argparse.Namespace) -> int:
    from deploy.broker.accounts import accounts
    from deploy.broker.certificates import ensure_certificates
    from deploy.broker.mosquitto import mosquitto_files
    from deploy.broker.rabbitmq import rabbitmq_files
    from deploy.broker.settings import BrokerSettings
    from edge_agent.contracts.core.files import write_atomic

    users = accounts(args.out, args.station, args.prefix, args.sparkplug_group)
    place = args.place or PLACES[args.broker]
    settings = BrokerSettings(users, place, args.port, args.cluster)
    files = {"mosquitto": mosquitto_files, "rabbitmq": rabbitmq_files}[args.broker](settings)
    ensure_certificates(args.out, args.host, datetime.now(UTC))
    for name, file in files.items():
        write_atomic(args.out / name, file.text.encode(), 0o600 if file.secret else 0o644)
    _tell(args, sorted(files), [user.name for user in users], place)
    return 0


def _tell(args: argparse.Namespace, files: list[str], users: list[str], place: str) -> None:
    written = [*files, "broker.pem", "broker.key", "ca.pem"]
    if args.json:
        print(json.dumps({"files": written, "place": place, "users": users}))
        return
    for name in written:
        print(args.out / name)
    print(
        f"put these into {place} at the broker, readable for it alone; ca.key stays here.\n"
        f"each station gets ca.pem and its own file of {args.out / 'passwords'}; "
        f"then: lineside-deploy check-broker --host {args.host[0]} --port {args.port} "
        f"--ca-file {args.out / 'ca.pem'} ...",
        file=sys.stderr,
    )
