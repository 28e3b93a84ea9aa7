"""The scheduler's feed: what another client of a real broker gets, against the plain figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deploy.__main__ import main
from deploy.history.equipment import equipment_now
from deploy.history.places import store_at
from deploy.history.store import HistoryStore
from tests.deploy.history.history_kit import NOON_NS, seen
from tests.deploy.history.test_condition_views import readings
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.station_kit import mosquitto, wait_until

LIFE = "lineside/plant/equipment/test/motor/property/RemainingUsefulLife"


def fill(store: HistoryStore) -> None:
    """`test` is armed, and its motor comes 0.1 mm/s nearer to 4.5 mm/s each hour; `saw` is not."""
    store.add([*seen("test", "armed", NOON_NS), *seen("saw", "disarmed", NOON_NS)])
    noise = 0.01 * np.array([1, -1] * 10)
    readings(store, 2.0 + 0.1 * np.arange(20) + noise)


def test_a_station_has_a_capability_and_a_machine_its_remaining_life(store: HistoryStore) -> None:
    fill(store)
    found = dict(equipment_now(store))
    types = {topic: getattr(one, "capability_type", "") for topic, one in found.items()}
    assert types["plant/equipment/test/capability/Inspection"] == "Available"
    assert types["plant/equipment/saw/capability/Inspection"] == "Unattainable"
    life = found["plant/equipment/test/motor/property/RemainingUsefulLife"].model_dump()
    assert life["value"] == pytest.approx(6, abs=0.3)  # (4.5 - 3.9) / 0.1
    assert life["value_low"] < life["value"] < life["value_high"]
    assert (life["unit_of_measure"], life["as_of"][:11]) == ("h", "2026-06-29T")


def test_who_subscribes_later_gets_the_newest_of_each_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "history.db")
    with store_at(place) as store:
        fill(store)
    with mosquitto(tmp_path / "broker") as broker:
        words = ["feed", "--db", place, "--host", "127.0.0.1", "--port", str(broker.port), "--once"]
        assert main(words) == 0
        assert "3 messages" in capsys.readouterr().err
        with Client(broker.port, "lineside/plant/equipment/#") as scheduler:
            assert wait_until(lambda: len(scheduler.payloads) == 3)
            topics = dict(
                zip((t for t, _ in scheduler.payloads), scheduler.documents(), strict=True)
            )
    assert topics[LIFE]["equipment_id"] == "test/motor"
    assert topics[LIFE]["value"] == pytest.approx(6, abs=0.3)


def test_a_broker_that_refuses_is_an_error_with_the_right_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "history.db")
    with store_at(place) as store:
        fill(store)
    rights = tmp_path / "rights"
    rights.write_text("topic read lineside/#\n")
    with mosquitto(tmp_path / "broker", f"acl_file {rights}") as broker:
        words = ["feed", "--db", place, "--host", "127.0.0.1", "--port", str(broker.port), "--once"]
        assert main(words) == 1
    assert "the right to write lineside/plant/#" in capsys.readouterr().err
