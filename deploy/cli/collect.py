"""The verb `collect`: the plant's history, and confirmations for its stations."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.history.sharing import Share, share
from edge_agent.contracts.core.argument_types import port
from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.secret_file import secret_line

if TYPE_CHECKING:
    from deploy.history.subscriber import Broker

EXAMPLES = """examples:
  lineside-deploy collect --host broker --db history.db
  lineside-deploy collect --host broker --db postgresql://lineside@db/plant --share 1/2 \\
      --client-id collector-1
  sqlite3 history.db 'SELECT * FROM yield_by_hour'
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    text = "store the verdicts of all stations in a database, and confirm them"
    collect = add_verb(verbs, "collect", text, EXAMPLES, _collect)
    collect.add_argument("--host", required=True, help="name or address of the broker")
    collect.add_argument("--port", type=port, default=1883, help="1883; 8883 is usual with TLS")
    collect.add_argument(
        "--db", required=True, metavar="PLACE", help="SQLite file, or postgresql://user@host/db"
    )
    collect.add_argument("--prefix", default="lineside", help="mqtt.topic_prefix of the stations")
    collect.add_argument("--client-id", default="lineside-collector", help="it has a session")
    collect.add_argument("--username", help="user at the broker")
    collect.add_argument("--password-file", type=Path, metavar="FILE", help="its first line")
    collect.add_argument("--ca-file", type=Path, metavar="PEM", help="encrypts the connection")
    collect.add_argument("--protocol", choices=["5", "3.1.1"], default="5", help="MQTT version")
    several = collect.add_mutually_exclusive_group()
    several.add_argument(
        "--share", type=share, default=Share(), metavar="K/N", help="the K-th of N collectors"
    )
    several.add_argument(
        "--group", default="", metavar="NAME", help="shared subscription of several collectors"
    )
    collect.add_argument(
        "--hold-puback",
        action="store_true",
        help="the broker keeps each message until it is committed (for mqtt.ack = broker)",
    )
    collect.add_argument("--json", action="store_true", help="the counts as JSON at the end")


def _collect(arguments: argparse.Namespace) -> int:
    from deploy.history.collector import Collector
    from deploy.history.places import store_at
    from edge_agent.contracts.core.clock import SystemClock

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with store_at(arguments.db) as store:
        collector = Collector(_broker(arguments), store, SystemClock())
        collector.run(stop)
    counts = {
        "stored": collector.new,
        "repeated": collector.repeated,
        "unreadable": collector.unreadable,
        "refused": collector.refused,
    }
    if arguments.json:
        print(json.dumps(counts))
    print(", ".join(f"{count} {name}" for name, count in counts.items()), file=sys.stderr)
    return 0


def _broker(arguments: argparse.Namespace) -> Broker:
    from deploy.history.subscriber import Broker

    if arguments.group and arguments.protocol != "5":
        cure = "use --share in place of --group"
        raise ConfigError("MQTT 3.1.1 has no shared subscriptions", where="--group", cure=cure)
    return Broker(
        arguments.host,
        arguments.port,
        arguments.prefix,
        arguments.client_id,
        arguments.username,
        password_of(arguments.password_file),
        arguments.ca_file,
        arguments.protocol,
        arguments.share,
        arguments.group,
        arguments.hold_puback,
    )


def password_of(path: Path | None) -> str | None:
    """The first line of a password's file; raises ConfigError."""
    return None if path is None else secret_line(path, "the password")
