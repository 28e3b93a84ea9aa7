"""Parts that an S7 PLC reports, by a bit and by a counter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.brokers import free_port
from benchmarks.plc_memory import S7Memory
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.trigger.polled import PolledTrigger
from edge_agent.trigger.s7 import S7Trigger, S7TriggerTable


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def plc(port: int) -> Iterator[S7Memory]:
    plc = S7Memory(port)
    yield plc
    plc.stop()


def trigger(port: int, address: str) -> PolledTrigger:
    asked = {"driver": "s7", "host": "127.0.0.1", "port": port, "address": address}
    return S7Trigger(S7TriggerTable.model_validate(asked), name="barrier", clock=SystemClock())


def test_each_rise_of_the_bit_is_a_part_whatever_its_neighbours_do(
    plc: S7Memory, port: int
) -> None:
    plc.block[6] = 0b1000
    barrier = trigger(port, "DB10.DBX6.3")
    barrier.open()
    seqs = []
    for neighbours in (0b0110, 0b1_0000, 0b1_0111):
        plc.block[6] = neighbours
        assert barrier.next(0.02) is None
        plc.block[6] = neighbours | 0b1000
        event = barrier.next(1)
        assert event is not None
        seqs.append(event.seq)
    barrier.close()
    assert seqs == [0, 1, 2]


@pytest.mark.parametrize(("address", "at"), [("DB10.DBW8", 8), ("DB10.DBB9", 9)])
def test_a_counter_tells_how_many_parts_went_by_unseen(
    plc: S7Memory, port: int, address: str, at: int
) -> None:
    plc.block[8:10] = b"\xff\xfe" if at == 8 else b"\x00\xfe"
    barrier = trigger(port, address)
    barrier.open()
    found = []
    for raw in (b"\xff\xff" if at == 8 else b"\x00\xff", b"\x00\x02"):
        plc.block[8:10] = raw
        event = barrier.next(1)
        assert event is not None
        found.append(event.seq)
    assert found == [0, 3]
    assert barrier.status().missed == 2
    barrier.close()


def test_a_plc_that_is_gone_is_a_lost_device(port: int) -> None:
    plc = S7Memory(port)
    barrier = trigger(port, "DB10.DBX6.3")
    barrier.open()
    plc.stop()
    with pytest.raises(DeviceError):
        barrier.next(1)
    assert barrier.status().fault
    barrier.close()
    barrier.close()
