"""A real RabbitMQ 4, as broker-config writes it, before the checks."""

from __future__ import annotations

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
from tests.deploy.broker.kit import NOW, as_user, grades
from tests.deploy.broker.rabbit import running

pytestmark = [pytest.mark.integrations, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, BrokerTarget]]:
    folder, port = tmp_path_factory.mktemp("rabbit"), free_port()
    users = accounts(folder, ["press-1", "press-2"], "lineside")
    for name, file in rabbitmq_files(BrokerSettings(users, "/rb", port)).items():
        (folder / name).write_text(file.text)
    ensure_certificates(folder, ["localhost"], NOW)
    with running(folder, free_port(), free_port()):
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
