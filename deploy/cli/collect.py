"""The verb `collect`: the plant's history, and confirmations for its stations."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

EXAMPLES = """examples:
  lineside-deploy collect --host broker --db history.db
  sqlite3 history.db 'SELECT * FROM yield_by_hour'
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    text = "store the verdicts of all stations in a database, and confirm them"
    collect = add_verb(verbs, "collect", text, EXAMPLES, _collect)
    collect.add_argument("--host", required=True, help="name or address of the broker")
    collect.add_argument("--port", type=int, default=1883, help="1883; 8883 is usual with TLS")
    collect.add_argument("--db", type=Path, required=True, metavar="FILE", help="SQLite file")
    collect.add_argument("--prefix", default="lineside", help="mqtt.topic_prefix of the stations")
    collect.add_argument("--client-id", default="lineside-collector", help="it has a session")
    collect.add_argument("--username", help="user at the broker")
    collect.add_argument("--password-file", type=Path, metavar="FILE", help="its first line")
    collect.add_argument("--ca-file", type=Path, metavar="PEM", help="encrypts the connection")


def _collect(arguments: argparse.Namespace) -> int:
    from deploy.history.collector import Broker, Collector
    from deploy.history.store import HistoryStore

    broker = Broker(
        arguments.host,
        arguments.port,
        arguments.prefix,
        arguments.client_id,
        arguments.username,
        password_of(arguments.password_file),
        arguments.ca_file,
    )
    store, stop = HistoryStore(arguments.db), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    store.open()
    collector = Collector(broker, store)
    try:
        collector.run(stop)
    finally:
        store.close()
    print(
        f"{collector.new} stored, {collector.repeated} repeated, {collector.unreadable} unreadable",
        file=sys.stderr,
    )
    return 0


def password_of(path: Path | None) -> str | None:
    """The first line of a password's file; raises ConfigError where it cannot be read."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read ({error})", where=str(path), cure="check it") from error
