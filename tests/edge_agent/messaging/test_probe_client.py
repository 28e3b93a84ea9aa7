"""One connection of the check, against a real broker: answers, silence, and a lasting session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.brokers import Mosquitto, free_port
from edge_agent.broker.packets import Will
from edge_agent.contracts.core.errors import BrokerError
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.probe_client import ProbeClient
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.station_kit import mosquitto, wait_until


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


def config(port: int) -> MqttTable:
    return MqttTable.model_validate({"host": "127.0.0.1", "port": port})


def test_what_is_published_is_answered_and_comes_back(broker: Mosquitto) -> None:
    with ProbeClient(config(broker.port), "probe") as client:
        granted = client.subscribe("a")
        answer = client.publish("a", [b"1", b"2"])
        assert granted is not None
        assert answer is not None
        assert not granted.is_failure
        assert not answer.is_failure
        assert client.receive(2) == 2
        assert client.payloads == [b"1", b"2"]
        assert client.receive(3, silence_s=0.05) == 2, "silence ends the wait"


def test_a_session_that_the_broker_kept_is_seen(broker: Mosquitto) -> None:
    for fresh, present in ((True, False), (False, True)):
        with ProbeClient(config(broker.port), "kept", fresh=fresh, session_s=60) as client:
            assert client.session_present is present


def test_a_will_is_no_message_of_a_client_that_leaves(broker: Mosquitto) -> None:
    with Client(broker.port, "w") as plant:
        with ProbeClient(config(broker.port), "probe", will=Will("w", b"x", 1, False)):
            pass
        plant.publish("w", b"end")
        assert wait_until(lambda: plant.payloads)
        assert plant.count() == {b"end": 1}


def test_a_broker_that_is_not_there_is_an_error() -> None:
    with (
        pytest.raises(BrokerError, match="cannot be reached"),
        ProbeClient(config(free_port()), "p"),
    ):
        pass
