"""A driver's own connection, against a real broker: messages, loss, and what it refuses."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.brokers import Mosquitto, free_port
from edge_agent.broker.config import BrokerTable
from edge_agent.broker.session import BrokerSession
from edge_agent.contracts.core.errors import DeviceError
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.station_kit import mosquitto, wait_until

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path / "broker") as running:
        yield running


def table(port: int, **keys: object) -> BrokerTable:
    return BrokerTable.model_validate({"host": "127.0.0.1", "port": port, **keys})


def test_messages_come_and_go_and_a_session_opens_again(broker: Mosquitto) -> None:
    came: list[bytes] = []
    session = BrokerSession(
        table(broker.port), "tags", topics=["a", "b/+"], on_message=lambda m: came.append(m.payload)
    )
    assert session.lost == "not open"
    for _ in range(2):
        session.open()
        assert session.lost == ""
        with Client(broker.port) as plant:
            plant.publish("b/c", b"1")
        assert wait_until(lambda: came == [b"1"])
        came.clear()
        session.close()
        session.close()
    with pytest.raises(DeviceError, match="connection is lost"):
        session.publish("a", b"x", 1)


def test_a_publication_is_confirmed_or_an_error(broker: Mosquitto) -> None:
    session = BrokerSession(table(broker.port), "gate")
    session.open()
    with Client(broker.port, "out") as plant:
        session.publish("out", b"reject", 5)
        assert wait_until(lambda: plant.payloads == [("out", b"reject")])
    session.close()


def test_a_lost_broker_wakes_who_waits_and_is_named(broker: Mosquitto) -> None:
    change = threading.Condition()
    session = BrokerSession(table(broker.port), "tags", topics=["a"], change=change)
    session.open()
    broker.stop()
    with change:
        assert change.wait_for(lambda: session.lost, 20)
    with pytest.raises(DeviceError, match=f"127.0.0.1:{broker.port}: the connection is lost"):
        session.publish("a", b"x", 1)
    with pytest.raises(DeviceError, match="cannot be reached"):
        session.open()
    assert session.lost == "not open"


def test_a_message_that_failed_is_not_sent_when_the_broker_is_back(broker: Mosquitto) -> None:
    session = BrokerSession(table(broker.port), "gate")
    session.open()
    assert broker._process is not None
    broker._process.send_signal(signal.SIGSTOP)
    with pytest.raises(DeviceError, match="confirms nothing within"):
        session.publish("gate", b"reject", 0.2)
    broker.kill()
    assert wait_until(lambda: session.lost)
    broker.start()
    with Client(broker.port, "gate") as plant:
        wait_until(lambda: bool(plant.payloads), 1.5)  # paho connects again after 1 s
        assert plant.payloads == []
    session.close()


def test_the_will_comes_when_the_session_breaks_and_not_when_it_closes(broker: Mosquitto) -> None:
    with Client(broker.port, "gate/state") as plant:
        session = BrokerSession(table(broker.port), "gate", will=("gate/state", b"safe"))
        session.open()
        session.close()
        other = BrokerSession(table(broker.port), "gate", will=("gate/state", b"gone"))
        other.open()
        client = other._client
        assert client is not None
        client.socket().close()
        assert wait_until(lambda: bool(plant.payloads))
        assert plant.payloads[0] == ("gate/state", b"gone")
        other.close()


def test_nobody_listens() -> None:
    with pytest.raises(DeviceError, match="start the broker"):
        BrokerSession(table(free_port()), "tags").open()
