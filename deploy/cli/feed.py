"""The verb `feed`: availability and remaining life for a scheduler, over MQTT."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deploy.cli.collect import password_of
from edge_agent.contracts.core.argument_types import port, seconds
from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import BrokerError

EXAMPLES = """examples:
  lineside-deploy feed --db history.db --host broker
  lineside-deploy feed --db postgresql://reader@db/plant --host broker --every 600
  mosquitto_sub -h broker -t 'lineside/plant/equipment/#' -v

Messages are retained: who comes later has the newest of each machine. `as_of` and `start_time` say
how old they are.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    text = "publish availability and remaining life for a scheduler (ISA-95 words, MQTT)"
    feed = add_verb(verbs, "feed", text, EXAMPLES, _feed)
    feed.add_argument("--db", required=True, metavar="PLACE", help="SQLite file, postgresql://...")
    feed.add_argument("--host", required=True, help="name or address of the broker")
    feed.add_argument("--port", type=port, default=1883, help="1883; 8883 is usual with TLS")
    feed.add_argument("--protocol", choices=["5", "3.1.1"], default="5", help="MQTT version (5)")
    feed.add_argument("--prefix", default="lineside", help="mqtt.topic_prefix of the stations")
    feed.add_argument("--username", help="user at the broker; it writes PREFIX/plant/#")
    feed.add_argument("--password-file", type=Path, metavar="FILE", help="its first line")
    feed.add_argument("--ca-file", type=Path, metavar="PEM", help="encrypts the connection")
    feed.add_argument("--every", type=seconds, default=300.0, metavar="S", help="seconds; 300")
    feed.add_argument("--once", action="store_true", help="publish once and end")


def _feed(arguments: argparse.Namespace) -> int:
    from edge_agent.contracts.core.clock import SystemClock

    clock = SystemClock()
    while True:
        try:
            print(f"{_publish(arguments)} messages", file=sys.stderr, flush=True)
        except BrokerError as error:
            if arguments.once:
                raise
            print(f"error: {error}; trying again", file=sys.stderr, flush=True)
        if arguments.once:
            return 0
        clock.sleep_s(arguments.every)


def _publish(arguments: argparse.Namespace) -> int:
    """How many messages the broker took; raises BrokerError and StorageError."""
    from deploy.broker.client import CheckClient
    from deploy.broker.target import BrokerTarget
    from deploy.history.equipment import equipment_now
    from deploy.history.places import store_at

    target = BrokerTarget(
        arguments.host,
        arguments.port,
        arguments.protocol,
        arguments.username,
        password_of(arguments.password_file),
        arguments.ca_file,
        prefix=arguments.prefix,
    )
    with store_at(arguments.db, writes=False) as store:
        found = list(equipment_now(store))
    with CheckClient(target, "lineside-feed") as client:
        for below, message in found:
            topic = f"{arguments.prefix}/{below}"
            answer = client.publish(topic, [message.model_dump_json().encode()], retain=True)
            if answer is None or answer.is_failure:
                raise BrokerError(
                    f"does not take {topic} ({answer or 'no answer'})",
                    where=target.address,
                    cure=f"give this user the right to write {arguments.prefix}/plant/#",
                )
    return len(found)
