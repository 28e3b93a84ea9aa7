"""Telemetry for nobody: the truth is what another client of the same mosquitto got."""

from __future__ import annotations

import time
from pathlib import Path

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.messaging.config import MqttTable, OutboxTable
from edge_agent.messaging.publisher import Publisher
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.edge_agent.messaging.test_side_numbers import part
from tests.station_kit import mosquitto, verdict, wait_until


def test_telemetry_for_nobody_takes_no_room_and_comes_when_somebody_listens(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path / "broker") as broker,
        Client(broker.port, "lineside/test/verdict", "lineside/test/gap") as plant,
    ):
        table = MqttTable.model_validate({"host": "127.0.0.1", "port": broker.port})
        made = Publisher(
            table, OutboxTable(), station="test", state_dir=tmp_path, clock=SystemClock()
        )
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
        begun_s = time.monotonic()
        made.close(drain_s=20)
        assert time.monotonic() - begun_s < 15
