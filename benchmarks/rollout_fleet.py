"""Stations that follow a broker, in a process of their own: `python -m benchmarks.rollout_fleet`.

`followers` are real: each has a folder, a connection and the update machine. `answers` checks every
desired state as a station does and reports at once, over one connection for all.
"""

from __future__ import annotations

import argparse
import sys
import threading
from functools import partial
from pathlib import Path

from paho.mqtt.client import MQTTMessage

from benchmarks.rows import say
from edge_agent.broker.config import BrokerTable
from edge_agent.broker.session import BrokerSession
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import BundleError, LinesideError
from edge_agent.contracts.wire.kinds import desired, update
from edge_agent.contracts.wire.kinds.update import UpdateMessage
from edge_agent.rollout.desired import check_desired
from edge_agent.rollout.follower import Follower, Place
from edge_agent.rollout.work import Source
from edge_agent.update.bundle_update import Station
from edge_agent.update.fetch import reader
from edge_agent.update.journal import Journal
from edge_agent.update.trust_folder import read_root

READY = "ready"
"""On stdout, once every station is subscribed."""


def main(argv: list[str] | None = None) -> int:
    """Run until stdin is closed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("followers", "answers"))
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path, help="its sub-folders are the stations")
    parser.add_argument("releases", type=Path)
    parser.add_argument("--bad", default="", help="the version that fails its probation")
    args = parser.parse_args(argv)
    broker = BrokerTable(host="127.0.0.1", port=args.port)
    if args.kind == "followers":
        _follow(args, broker)
    else:
        _answer(args.folder, broker)
    return 0


def _follow(args: argparse.Namespace, broker: BrokerTable) -> None:
    stop, source = threading.Event(), Source(reader(str(args.releases)), str(args.releases))
    threads = []
    for root in sorted(args.folder.iterdir()):
        follower = Follower(Place(root.name, broker), _station(root, args.bad), source)
        threads.append(threading.Thread(target=follower.run, args=(stop,)))
        threads[-1].start()
    say(f"{len(threads)} followers")
    print(READY, flush=True)
    _wait_for_the_end()
    stop.set()
    for thread in threads:
        thread.join()


def _station(root: Path, bad: str) -> Station:
    def watch(journal: Journal) -> bool:
        if journal.version == bad:
            raise BundleError("disarms the station", where="simulated", cure="none")
        return True

    return Station(
        root,
        lambda _: None,
        SystemClock(),
        shadow=lambda _: True,
        promotion=lambda _: True,
        probation=watch,
    )


def _answer(public: Path, broker: BrokerTable) -> None:
    trusted, clock = read_root(public), SystemClock()
    answers: list[tuple[str, bytes]] = []
    change = threading.Condition()

    def came(message: MQTTMessage) -> None:
        station = message.topic.split("/")[-2]
        try:
            state = check_desired(bytes(message.payload), station, trusted, clock.utc_ns()).state
        except LinesideError as error:
            say(str(error))
            return
        report = UpdateMessage(
            station=station, at_ns=clock.utc_ns(), counter=state.counter, state="done"
        )
        with change:
            answers.append((update.STREAM.topic("lineside", station), _json(report)))
            change.notify()

    session = BrokerSession(
        broker, "fleet", topics=[desired.STREAM.topic("lineside", "+")], on_message=came
    )
    session.open()
    threading.Thread(target=partial(_send, session, answers, change), daemon=True).start()
    print(READY, flush=True)
    _wait_for_the_end()
    session.close()


def _send(
    session: BrokerSession, answers: list[tuple[str, bytes]], change: threading.Condition
) -> None:
    while True:
        with change:
            change.wait_for(lambda: answers)
            batch, answers[:] = list(answers), []
        for topic, payload in batch:
            session.publish(topic, payload, 30)


def _json(report: UpdateMessage) -> bytes:
    return report.model_dump_json(exclude_none=True).encode()


def _wait_for_the_end() -> None:
    sys.stdin.read()


if __name__ == "__main__":
    main()
