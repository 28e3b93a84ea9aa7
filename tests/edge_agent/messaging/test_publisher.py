"""Telemetry for nobody: the truth is what another client of the same mosquitto got."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.messaging.config import MqttTable, OutboxTable
from edge_agent.messaging.publisher import Publisher
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.edge_agent.messaging.outbox_kit import open_outbox
from tests.edge_agent.messaging.test_side_numbers import part
from tests.station_kit import mosquitto, verdict, wait_until


def publisher(port: int, folder: Path) -> Publisher:
    table = MqttTable.model_validate({"host": "127.0.0.1", "port": port})
    return Publisher(table, OutboxTable(), station="test", state_dir=folder, clock=SystemClock())


def test_telemetry_for_nobody_takes_no_room_and_comes_when_somebody_listens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with (
        mosquitto(tmp_path / "broker") as broker,
        Client(broker.port, "lineside/test/verdict", "lineside/test/gap") as plant,
    ):
        made = publisher(broker.port, tmp_path)
        assert made._sender is not None
        made._sender._delivery.unheard_s = 0.0
        made.open()
        made.publish(part(0))
        assert wait_until(lambda: made._sender is not None and made._sender.unheard)
        for number in range(300):
            made.publish(part(number))
            made.publish(verdict(part_id=str(number)))
        assert wait_until(lambda: len(plant.payloads) == 300)
        assert wait_until(lambda: made.waiting == 1), "the one that asks"
        assert made.faults == []
        numbers = [int(one["event_id"].rsplit("/")[-1]) for one in plant.documents()]
        assert sorted(numbers) == list(range(300)), "no hole, and no gap is told"
        with Client(broker.port, "lineside/test/part") as late:
            assert wait_until(lambda: made.waiting == 0)
            made.publish(part(1000))
            assert wait_until(lambda: "1000" in {one["part_id"] for one in late.documents()})
        made.close(drain_s=20)
        assert "300 messages were left out" in caplog.text
        assert made._sender.unheard == frozenset(), "the next connection asks anew"


def test_the_end_does_not_wait_for_telemetry_that_nobody_wants(tmp_path: Path) -> None:
    """2,000 messages lie on disk before the connection begins, as after minutes without one."""
    before = open_outbox(tmp_path / "s")
    for number in range(2000):
        before.put(part(number))
    before.stop()
    with (
        mosquitto(tmp_path / "broker") as broker,
        Client(broker.port, "lineside/test/verdict") as plant,
    ):
        made = publisher(broker.port, tmp_path / "s")
        made.open()
        made.publish(verdict())
        begun_s = time.monotonic()
        made.close(drain_s=600)
        assert time.monotonic() - begun_s < 300
        assert len(plant.payloads) == 1
    with contextlib.closing(sqlite3.connect(tmp_path / "s" / "outbox.db")) as base:
        assert base.execute("SELECT count(*) FROM telemetry").fetchone() == (2000,)
