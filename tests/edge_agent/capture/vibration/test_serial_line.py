"""A sensor on a serial line: a real line discipline, the far end sent by the test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_agent.capture.queue import build_queue
from edge_agent.capture.serial_ports import find_ports
from edge_agent.capture.signal_stream import StreamSensor
from edge_agent.capture.vibration.serial_line import (
    SYNC,
    FrameParser,
    SerialLineTable,
    TextParser,
    build,
)
from edge_agent.contracts.core.clock import Clock, SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Item, Reading
from tests.edge_agent.capture.signal_kit import Microcontroller, QuickClock, take


def frame(number: int) -> bytes:
    body = bytes([number % 256]) + np.array([number, -number], "<i2").tobytes()
    return SYNC + body + bytes([sum(body) % 256])


@pytest.fixture
def board() -> Iterator[Microcontroller]:
    board = Microcontroller(970)
    yield board
    board.unplug()


def sensor(path: str, clock: Clock | None = None, **keys: object) -> StreamSensor:
    table = {"driver": "serial_line", "device": path, "axes": ["x", "y", "z"], "rate_hz": 1000}
    config = SerialLineTable.model_validate(table | {"counter": True, "window_s": 0.4} | keys)
    return build(config, name="m", clock=clock or SystemClock())


def first(source: StreamSensor, within_s: float = 8) -> Item:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        item = source.next(0.2)
        if item is not None:
            return item
    pytest.fail("nothing came")


def test_samples_come_whole_and_with_their_true_rate(board: Microcontroller) -> None:
    source = sensor(board.path, scale=2.0)
    source.open()
    reading = first(source)
    source.close()
    assert isinstance(reading, Reading), reading
    assert reading.rate_hz == pytest.approx(970, rel=0.02)
    assert reading.signal.shape == (400, 3)
    assert set(reading.signal[:, 1]) == {-1.0}
    assert set(np.round(np.diff(reading.signal[:, 2]))) == {2.0, -12.0}


def test_a_line_that_is_unplugged_is_noticed_at_once_and_found_again(
    board: Microcontroller, tmp_path: Path
) -> None:
    link = tmp_path / "ttySENSOR"
    link.symlink_to(board.path)
    clock = QuickClock()
    board.rate_hz = 970 * clock.times
    feed = build_queue(sensor(str(link), clock), name="m", size=4, clock=clock, reopen_s=(0.2,))
    feed.start()
    assert take(feed) is not None
    board.unplug()
    began = time.monotonic()
    while not feed.fault and time.monotonic() - began < 5:
        feed.take(0.05)
    assert time.monotonic() - began < 2, "noticed too late"
    again = Microcontroller(970 * clock.times)
    link.unlink()
    link.symlink_to(again.path)
    began = time.monotonic()
    while (feed.fault or feed.take(0.1) is None) and time.monotonic() - began < 12:
        feed.take(0.05)
    assert time.monotonic() - began < 10, "back too late"
    feed.stop()
    feed.close()
    again.unplug()


def test_a_line_that_speaks_something_else_says_so(board: Microcontroller) -> None:
    source = sensor(board.path, axes=["x"], counter=False)
    source.open()
    board.rate_hz = 20_000  # more of it, sooner
    with pytest.raises(DeviceError, match="sends no text with 1 axes"):
        first(source)
    source.close()


def test_an_absent_line_is_named() -> None:
    with pytest.raises(DeviceError, match="/dev/ttyGONE: cannot be opened"):
        sensor("/dev/ttyGONE").open()


@pytest.mark.parametrize("size", [1, 3, 7, 4096])
def test_frames_cut_anywhere_are_the_same_samples(size: int) -> None:
    payload = b"\x5a\xa5" + b"".join(frame(k) for k in range(300))
    parser = FrameParser(2)
    found = [parser.feed(payload[at : at + size]) for at in range(0, len(payload), size)]
    samples = np.concatenate([one for one, _ in found])
    assert samples[:, 0].tolist() == list(range(300))
    assert sum(lost for _, lost in found) == 0


def test_a_damaged_frame_and_a_missing_one_are_lost_samples() -> None:
    frames = [frame(k) for k in range(10)]
    frames[4] = frames[4][:4] + b"\x77" + frames[4][5:]
    del frames[7]
    samples, lost = FrameParser(2).feed(b"".join(frames))
    assert samples[:, 0].tolist() == [0, 1, 2, 3, 5, 6, 8, 9]
    assert lost == 2


@pytest.mark.parametrize(
    ("counter", "text", "rows", "lost"),
    [
        (True, b"9\n1,2,3\n2,2,3\n5,2,3\n", 3, 2),
        (False, b"cut\n1;2\n1;x\n-1e-3\t+4.5\r\n", 2, 1),
    ],
    ids=["counter", "bad line"],
)
def test_lines_of_text(counter: bool, text: bytes, rows: int, lost: int) -> None:
    samples, missing = TextParser(2, counter=counter).feed(text)
    assert (len(samples), missing) == (rows, lost)


def test_a_line_is_listed_under_its_steady_name(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "ttyACM1").touch()
    (tmp_path / "ttyS0").touch()
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    (by_id / "usb-Acme_Sensor-if00").symlink_to(tmp_path / "ttyUSB0")
    found = find_ports(tmp_path, by_id)
    assert [port.name for port in found] == ["ttyACM1", "usb-Acme_Sensor-if00"]
    assert found[1].path == str(by_id / "usb-Acme_Sensor-if00")
