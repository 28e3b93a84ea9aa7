"""The controller's connection: refusals by name, and a broker that dies and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.brokers import free_port
from deploy.broker.target import BrokerTarget
from deploy.rollout.link import Link
from edge_agent.contracts.core.errors import BrokerError
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.station_kit import mosquitto, wait_until


def test_reports_come_after_a_broker_came_back(tmp_path: Path) -> None:
    came: list[tuple[str, bytes]] = []
    with mosquitto(tmp_path) as broker:
        link = Link(
            BrokerTarget("127.0.0.1", broker.port), "p/+/update", lambda *one: came.append(one)
        )
        with pytest.raises(BrokerError, match="is not connected"):
            link.publish("p/a/desired", b"x", 60)
        link.open()
        broker.kill()
        broker.start()

        def heard() -> bool:
            with Client(broker.port) as station:
                station.publish("p/a/update", b"1")
            return wait_until(lambda: bool(came), 0.5)

        assert wait_until(heard, 30)
        assert came[0] == ("p/a/update", b"1")
        link.publish("p/a/desired", b"wanted", 60)
        with Client(broker.port, "p/a/desired") as station:
            assert wait_until(lambda: station.payloads == [("p/a/desired", b"wanted")])
        link.close()
        link.close()


def test_a_broker_that_is_away_or_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"cannot be reached .*correct \[mqtt\]"):
        Link(BrokerTarget("127.0.0.1", free_port()), "t", lambda *_: None).open()
    with mosquitto(tmp_path, "allow_anonymous false\n") as broker:
        target = BrokerTarget("127.0.0.1", broker.port)
        with pytest.raises(BrokerError, match=r"lets us not in \(Not authorized\)"):
            Link(target, "t", lambda *_: None).open()
