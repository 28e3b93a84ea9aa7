"""An IIO accelerometer: its layout of a scan, its true rate, its loss; on the kernel's files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_agent.capture.industrial_io.channels import parse_type, read_channel, scan_dtype
from edge_agent.capture.industrial_io.device import find_device
from edge_agent.capture.queue import build_queue
from edge_agent.capture.signal_stream import StreamSensor
from edge_agent.capture.vibration.iio import IioTable, build, find_sensors
from edge_agent.contracts.core.clock import Clock, ManualClock, SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Item, Reading, Unreadable
from tests.edge_agent.capture.industrial_io.iio_kit import Accelerometer
from tests.edge_agent.capture.signal_kit import take


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[Accelerometer]:
    chip = Accelerometer(tmp_path / "a", 990, times=5)
    yield chip
    if chip.folder.exists():
        chip.unplug()


def sensor(chip: Accelerometer, clock: Clock | None = None, **keys: object) -> StreamSensor:
    table = {"driver": "iio", "device": "adxl345", "axes": ["accel_y", "accel_x"]}
    config = IioTable.model_validate(table | {"rate_hz": 1000, "window_s": 0.3} | keys)
    return build(config, name="m", clock=clock or SystemClock(), sysfs=chip.sysfs, dev=chip.dev)


def first(source: StreamSensor, within_s: float = 8) -> Item:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        item = source.next(0.2)
        if item is not None:
            return item
    pytest.fail("nothing came")


def test_scans_become_g_in_the_order_of_the_axes_with_the_rate_of_their_stamps(
    chip: Accelerometer,
) -> None:
    source = sensor(chip)
    source.open()
    reading = first(source)
    source.close()
    assert isinstance(reading, Reading), reading
    assert reading.rate_hz == pytest.approx(990, rel=1e-3)
    step_g = 0.0095768 / 9.80665
    assert np.allclose(reading.signal[:, 1], 104 * step_g)
    assert set(np.rint(reading.signal[:, 0] / step_g)) == set(range(-5, 6))
    assert (chip.folder / "buffer/enable").read_text() == "0", "the buffer was left running"
    assert (chip.folder / "current_timestamp_clock").read_text() == "monotonic"


def test_scans_that_are_missing_are_counted_by_their_stamps(chip: Accelerometer) -> None:
    chip.skip = set(range(1500, 1520))
    source = sensor(chip)
    source.open()
    until = time.monotonic() + 8
    found: list[Item] = []
    while time.monotonic() < until and not any(isinstance(one, Unreadable) for one in found):
        item = source.next(0.2)
        found += [item] if item is not None else []
    source.close()
    bad = [one for one in found if isinstance(one, Unreadable)]
    assert [one.reason for one in bad] == ["20 samples were lost before this reading (overrun)"]


def test_a_chip_that_leaves_the_bus_is_noticed_in_time_and_found_again(
    chip: Accelerometer, tmp_path: Path
) -> None:
    feed = build_queue(sensor(chip), name="m", size=4, clock=SystemClock(), reopen_s=(0.2,))
    feed.start()
    assert take(feed, 8)
    chip.unplug()
    began = time.monotonic()
    while not feed.fault and time.monotonic() - began < 5:
        feed.take(0.05)
    assert time.monotonic() - began < 2, "noticed too late"
    chip.node.unlink()
    chip.dev.rmdir()
    again = Accelerometer(tmp_path / "a", 990, times=5)
    assert take(feed, 10), "back too late"
    assert not feed.fault
    feed.stop()
    feed.close()
    again.unplug()


def test_a_chip_without_a_buffer_is_polled(chip: Accelerometer) -> None:
    source = sensor(chip, ManualClock(mono_ns=10**9), mode="poll", rate_hz=100)
    source.open()
    reading = first(source)
    source.close()
    assert isinstance(reading, Reading), reading
    assert np.allclose(reading.signal[:, 0], -52 * 0.0095768 / 9.80665)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"device": "adxl355"}, "found iio:device0 (adxl345)"),
        ({"axes": ["accel_z"]}, "has no channel 'accel_z' in its buffer; it has accel_x, accel_y"),
        ({"trigger": "t0"}, "no IIO trigger 't0'; found none"),
        ({"mode": "poll"}, "cannot be polled 1000 times a second"),
    ],
)
def test_what_is_not_there_is_named(
    chip: Accelerometer, keys: dict[str, object], words: str
) -> None:
    with pytest.raises(DeviceError) as caught:
        sensor(chip, **keys).open()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "raw", "value"),
    [
        ("le:s12/16>>4", 0xFFF0, -1),
        ("le:u12/16>>4", 0xFFF0, 4095),
        ("be:s16/16>>0", 0x0100, 1),
        ("le:s20/32>>12", 0x80000000, -524288),
    ],
)
def test_the_bits_of_a_scan(text: str, raw: int, value: float) -> None:
    kind = parse_type(text, "x")
    bytes_of = raw.to_bytes(kind.storage_bits // 8, "little")
    assert kind.value(np.frombuffer(bytes_of, kind.dtype)).tolist() == [value]


def test_a_scan_is_aligned_as_the_kernel_aligns_it(chip: Accelerometer) -> None:
    device = find_device("iio:device0", chip.sysfs)
    names = ("timestamp", "accel_x", "accel_y")
    dtype = scan_dtype([read_channel(device, name) for name in names])
    assert (dtype.itemsize, dtype.fields["timestamp"][1]) == (16, 8)  # type: ignore[index]


def test_a_chip_is_listed_with_a_table_that_opens_it(chip: Accelerometer) -> None:
    found = find_sensors(chip.sysfs)
    assert [one.name for one in found] == ["adxl345"]
    table = IioTable.model_validate(dict(found[0].table))
    assert (table.axes, table.rate_hz, table.mode) == (["accel_x", "accel_y"], 1000, "buffer")
