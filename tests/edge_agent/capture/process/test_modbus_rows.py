"""Process values by Modbus: a real server on TCP and on a serial line, stopped and started."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymodbus.client import ModbusTcpClient

from benchmarks.brokers import wait_for_port
from edge_agent.capture.polled_rows import PolledRows
from edge_agent.capture.process.modbus import ModbusTable, ModbusTag, blocks, build, value_of
from edge_agent.capture.queue import build_queue
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Item, ProcessRow, Unreadable
from tests.edge_agent.fieldbus.plc import Plc

TAGS = [
    {"name": "part", "address": 0},
    {"name": "force [kN]", "address": 1, "type": "f32"},
    {"name": "temperature", "address": 3, "type": "i16", "scale": 0.1},
    {"name": "door", "address": 7, "area": "coil"},
]


@pytest.fixture
def plc() -> Iterator[Plc]:
    plc = Plc().start()
    yield plc
    plc.stop()


def rows(port: int, **keys: object) -> PolledRows:
    device = {"host": "127.0.0.1", "port": port}
    table = {"driver": "modbus", "device": device, "tag": TAGS, "period_s": 0.05}
    config = ModbusTable.model_validate(table | keys)
    return build(config, name="press", clock=SystemClock())


def fill(plc: Plc, part: int, force: float) -> None:
    high, low = struct.unpack(">HH", struct.pack(">f", force))
    with ModbusTcpClient("127.0.0.1", port=plc.port) as press:
        press.write_registers(0, [part, high, low, 0xFFFF])
        press.write_coil(7, True)


def take(feed: object, within_s: float = 10) -> Item:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        item = feed.take(0.1)  # type: ignore[attr-defined]
        if item is not None:
            return item  # type: ignore[no-any-return]
    pytest.fail("no row came")


def test_registers_become_values(plc: Plc) -> None:
    fill(plc, 7, 12.5)
    source = rows(plc.port)
    source.open()
    row = source.next(1)
    source.close()
    assert isinstance(row, ProcessRow)
    expected = {"part": 7, "force [kN]": 12.5, "temperature": -0.1, "door": 1}
    assert row.tags == pytest.approx(expected)


def test_a_row_for_each_part_that_the_plc_counts(plc: Plc) -> None:
    fill(plc, 7, 1)
    source = rows(plc.port, take_on="part", part_tag="part")
    feed = build_queue(source, name="press", size=8, clock=SystemClock())
    feed.start()
    time.sleep(0.2)
    fill(plc, 8, 2)
    row = take(feed)
    feed.stop()
    feed.close()
    assert isinstance(row, ProcessRow)
    assert (row.part_id, row.tags["force [kN]"]) == ("8", 2.0)


def test_a_number_that_is_none_is_no_row(plc: Plc) -> None:
    fill(plc, 7, float("nan"))
    source = rows(plc.port)
    source.open()
    row = source.next(1)
    source.close()
    assert isinstance(row, Unreadable)
    assert row.reason == "force [kN]: not a number"


def test_a_plc_that_stops_is_noticed_and_found_again(plc: Plc) -> None:
    feed = build_queue(rows(plc.port), name="press", size=8, clock=SystemClock(), reopen_s=(0.2,))
    feed.start()
    take(feed)
    plc.stop()
    began = time.monotonic()
    while not feed.fault and time.monotonic() - began < 5:
        feed.take(0.05)
    assert time.monotonic() - began < 2, "noticed too late"
    plc.start()
    began = time.monotonic()
    take(feed)
    assert time.monotonic() - began < 10, "back too late"
    feed.stop()
    feed.close()


def test_an_absent_plc_is_named() -> None:
    with pytest.raises(DeviceError, match=r"Modbus 127\.0\.0\.1:1, unit 1: cannot be reached"):
        rows(1).open()


@contextmanager
def modbus_server(kind: str, place: str) -> Iterator[None]:
    """A device in a process of its own."""
    script = Path(__file__).with_name("modbus_server.py")
    process = subprocess.Popen([sys.executable, str(script), kind, place])
    try:
        if kind == "tcp":
            wait_for_port(int(place))
        yield
    finally:
        process.kill()
        process.wait(5)


@contextmanager
def wire(room: Path) -> Iterator[tuple[str, str]]:
    """Two ends of a serial line."""
    ends = str(room / "plc"), str(room / "station")
    words = ["socat", *(f"pty,raw,echo=0,link={end}" for end in ends)]
    process = subprocess.Popen(words)
    try:
        until = time.monotonic() + 5
        while not all(Path(end).exists() for end in ends) and time.monotonic() < until:
            time.sleep(0.02)
        yield ends
    finally:
        process.kill()
        process.wait(5)


@pytest.mark.skipif(shutil.which("socat") is None, reason="no socat: apt install socat")
@pytest.mark.drivers
def test_a_device_on_a_serial_line_is_read_by_rtu(tmp_path: Path) -> None:
    with wire(tmp_path) as (far, near), modbus_server("serial", far):
        tag = [{"name": "speed", "address": 3, "area": "input_register"}]
        device = {"serial": near, "parity": "none", "timeout_s": 0.5}
        source = rows(0, device=device, tag=tag)
        feed = build_queue(source, name="press", size=8, clock=SystemClock(), reopen_s=(0.2,))
        feed.start()
        row = take(feed, 20)
        feed.stop()
        feed.close()
    assert isinstance(row, ProcessRow)
    assert row.tags == {"speed": 321}


@pytest.mark.parametrize(
    ("kind", "words", "content", "value"),
    [
        ("u16", "high_first", [65535], 65535),
        ("i16", "high_first", [65535], -1),
        ("u32", "high_first", [1, 2], 65538),
        ("u32", "low_first", [2, 1], 65538),
        ("i32", "low_first", [0xFFFE, 0xFFFF], -2),
        ("f32", "low_first", [0x0000, 0x4148], 12.5),
        ("f64", "high_first", [0x4029, 0, 0, 0], 12.5),
    ],
)
def test_the_types_of_numbers(kind: str, words: str, content: list[int], value: float) -> None:
    tag = ModbusTag.model_validate({"name": "x", "address": 0, "type": kind, "words": words})
    assert value_of(tag, content) == value


def test_neighbours_are_read_by_one_request_and_others_are_not() -> None:
    tags = [ModbusTag.model_validate(tag) for tag in TAGS]
    far = ModbusTag.model_validate({"name": "far", "address": 200})
    found = [[tag.name for tag in block] for block in blocks([far, *tags])]
    assert found == [["door"], ["part", "force [kN]", "temperature"], ["far"]]
