"""Parts that a PLC reports, by a bit and by a counter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.trigger.modbus import ModbusTrigger, ModbusTriggerTable
from tests.edge_agent.fieldbus.plc import Plc


@pytest.fixture
def plc() -> Iterator[Plc]:
    plc = Plc().start()
    yield plc
    plc.stop()


def trigger(port: int, area: str) -> ModbusTrigger:
    asked = {"driver": "modbus", "host": "127.0.0.1", "port": port, "address": 5, "area": area}
    config = ModbusTriggerTable.model_validate(asked)
    return ModbusTrigger(config, name="barrier", clock=SystemClock())


def test_each_rising_edge_is_a_part_and_what_stood_there_before_is_none(plc: Plc) -> None:
    plc.set_input(5, True)
    barrier = trigger(plc.port, "coil")
    barrier.open()
    assert barrier.next(0.05) is None
    seqs = []
    for _ in range(3):
        plc.set_input(5, False)
        assert barrier.next(0.05) is None
        plc.set_input(5, True)
        event = barrier.next(1)
        assert event is not None
        seqs.append(event.seq)
    barrier.close()
    assert seqs == [0, 1, 2]


def test_a_counter_tells_how_many_parts_went_by_unseen(plc: Plc) -> None:
    plc.set_register(5, 65534)
    barrier = trigger(plc.port, "holding_register")
    barrier.open()
    found = []
    for value in (65535, 2, 3):
        plc.set_register(5, value)
        event = barrier.next(1)
        assert event is not None
        found.append((event.seq, event.part_id))
    assert found == [(0, "65535"), (3, "2"), (4, "3")]
    assert barrier.status().missed == 2
    barrier.close()


def test_a_plc_that_is_gone_is_a_lost_device() -> None:
    plc = Plc().start()
    barrier = trigger(plc.port, "coil")
    barrier.open()
    plc.stop()
    with pytest.raises(DeviceError):
        barrier.next(1)
    assert barrier.status().fault
    barrier.close()
    barrier.close()
