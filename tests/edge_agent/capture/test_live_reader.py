"""A thread reads a device ahead of the line: the newest frames wait, holes are in the numbers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge_agent.capture.live_reader import WAITING, LiveFrame, LiveReader
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame, Unreadable
from tests.station_kit import wait_until

LOST = DeviceError("unplugged", where="top")


class Fifo:
    """A device that gives one grey frame for each byte of a named pipe, and ends with it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "frames"
        os.mkfifo(self.path)
        self._end = os.open(self.path, os.O_RDWR)
        self.asked = self.read_count = 0

    def send(self, levels: bytes) -> None:
        os.write(self._end, levels)

    def read(self) -> LiveFrame:
        self.asked += 1
        (level,) = os.read(self._end, 1)
        self.read_count += 1
        if level == 0:
            raise LOST
        if level == 1:
            raise ZeroDivisionError("a driver's own fault")
        if level == 2:
            return LiveFrame(None, "damaged frame", lost=3)
        return LiveFrame(np.full((2, 2, 3), level, np.uint8), device_ns=level)


@pytest.fixture
def fifo(tmp_path: Path) -> Fifo:
    return Fifo(tmp_path)


def test_frames_come_with_number_times_and_the_devices_stamp(fifo: Fifo) -> None:
    clock = ManualClock(utc_ns=5, mono_ns=7)
    reader = LiveReader(fifo.read, "top", clock)
    reader.start()
    fifo.send(bytes([200]))
    frame = reader.next(10)
    assert isinstance(frame, Frame)
    assert (frame.captured_at_ns, frame.mono_ns, frame.seq, frame.device_ns) == (5, 7, 0, 200)
    assert frame.image[0, 0, 0] == 200
    fifo.send(bytes([2, 0]))
    torn = reader.next(10)
    assert torn == Unreadable("damaged frame", 5, 7, 4, "top", "4"), "three frames were lost"
    reader.stop()


def test_a_slow_line_gets_the_newest_and_sees_the_hole(fifo: Fifo) -> None:
    reader = LiveReader(fifo.read, "top", ManualClock())
    reader.start()
    fifo.send(bytes(range(100, 110)))
    assert wait_until(lambda: fifo.read_count == 10)
    fifo.send(bytes([0]))
    assert wait_until(lambda: fifo.read_count == 11)
    frames = [reader.next(1) for _ in range(WAITING)]
    assert [frame.seq for frame in frames if frame] == [8, 9]
    with pytest.raises(DeviceError, match="unplugged"):
        reader.next(1)
    reader.stop()


def test_a_fault_of_the_driver_is_a_lost_device_and_numbers_go_on(fifo: Fifo) -> None:
    reader = LiveReader(fifo.read, "top", ManualClock())
    reader.start()
    fifo.send(bytes([100, 1]))
    assert getattr(reader.next(10), "seq", None) == 0
    with pytest.raises(DeviceError, match="a driver's own fault"):
        reader.next(10)
    reader.stop()
    reader.start()
    assert reader.next(0) is None
    fifo.send(bytes([101, 0]))
    assert getattr(reader.next(10), "seq", None) == 1
    reader.stop()


def test_what_was_read_before_the_beginning_is_forgotten_with_its_numbers(fifo: Fifo) -> None:
    reader = LiveReader(fifo.read, "top", ManualClock())
    reader.start()
    fifo.send(bytes([100, 2, 101]))
    assert wait_until(lambda: fifo.asked == 4)
    reader.begin()
    assert reader.next(0) is None
    fifo.send(bytes([102]))
    frame = reader.next(10)
    assert isinstance(frame, Frame)
    assert (frame.seq, frame.part_id, frame.image[0, 0, 0]) == (0, "0", 102)
    fifo.send(bytes([0]))
    reader.stop()


def test_a_device_that_is_lost_before_the_beginning_cannot_begin(fifo: Fifo) -> None:
    reader = LiveReader(fifo.read, "top", ManualClock())
    reader.start()
    fifo.send(bytes([100, 0]))
    assert getattr(reader.next(10), "seq", None) == 0
    with pytest.raises(DeviceError, match="unplugged"):
        reader.next(10)
    with pytest.raises(DeviceError, match="unplugged"):
        reader.begin()
    reader.stop()
