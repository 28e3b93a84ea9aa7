"""A real RabbitMQ 4, as broker-config writes it, before the checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.brokers import free_port
from deploy.broker.accounts import accounts
from deploy.broker.certificates import ensure_certificates
from deploy.broker.check import Depth, check_broker
from deploy.broker.client import CheckClient
from deploy.broker.rabbitmq import rabbitmq_files
from deploy.broker.settings import BrokerSettings
from deploy.broker.target import BrokerTarget
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.sender import Sender
from tests.deploy.broker.kit import NOW, as_user, grades
from tests.deploy.broker.rabbit import running
from tests.edge_agent.messaging.outbox_kit import open_outbox, put
from tests.station_kit import wait_until

pytestmark = [pytest.mark.integrations, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, BrokerTarget]]:
    folder, port = tmp_path_factory.mktemp("rabbit"), free_port()
    users = accounts(folder, ["press-1", "press-2"], "lineside")
    for name, file in rabbitmq_files(BrokerSettings(users, "/rb", port)).items():
        (folder / name).write_text(file.text)
    ensure_certificates(folder, ["localhost"], NOW)
    with running(folder):
        yield folder, as_user(folder, port, "press-1")


def test_it_keeps_what_stations_send_and_its_limits_are_named(
    plant: tuple[Path, BrokerTarget],
) -> None:
    found = list(check_broker(plant[1], Depth(plain_port=free_port()), NOW))
    wanting = {f.what: f.grade for f in found if f.grade in ("FAIL", "WARN")}
    assert wanting == {"retained, wildcard": "WARN", "shared subscription": "WARN"}, found
    told = grades(found)
    assert told["write as another"] == told["anonymous clients"] == "OK"
    assert told["queue of a session"] == "OK"


def test_the_collector_hears_every_station_and_confirms(plant: tuple[Path, BrokerTarget]) -> None:
    folder, target = plant
    with (
        CheckClient(as_user(folder, target.port, "collector")) as collector,
        CheckClient(target) as station,
    ):
        collector.subscribe("lineside/+/verdict")
        station.subscribe("lineside/press-1/ack")
        station.publish("lineside/press-1/verdict", [b"{}"])
        assert collector.receive(1) == [b"{}"]
        collector.publish("lineside/press-1/ack", [b"ok"])
        assert station.receive(1) == [b"ok"]


def test_a_stations_sender_delivers_to_it(plant: tuple[Path, BrokerTarget], tmp_path: Path) -> None:
    folder, target = plant
    password = folder / "passwords" / "press-1"
    outbox = open_outbox(tmp_path / "s", station="press-1", on_commit=lambda: sender.wake())
    table = {
        "host": target.host,
        "port": target.port,
        "username": "press-1",
        "password_file": str(password),
        "tls": {"ca_file": str(folder / "ca.pem")},
    }
    sender = Sender(
        MqttTable.model_validate(table),
        station="press-1",
        client_id="lineside-press-1",
        outbox=outbox,
        clock=SystemClock(),
    )
    with CheckClient(as_user(folder, target.port, "collector")) as collector:
        collector.subscribe("lineside/+/verdict")
        sender.start()
        ids = put(outbox, 50)
        assert wait_until(lambda: outbox.waiting == 0, 30), sender.fault
        found = [json.loads(payload)["event_id"] for payload in collector.receive(50)]
    sender.stop(5)
    outbox.stop()
    assert found == ids
