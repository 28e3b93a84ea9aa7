"""A sensor that sends its samples over a serial line: lines of text, or frames of whole numbers.

A frame of `int16` is A5 5A, a counter of one byte, the axes as signed 16-bit numbers with the low
byte first, and the sum of all bytes after 5A modulo 256.
"""

from __future__ import annotations

import re
import select
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from pydantic import Field

from edge_agent.capture.serial_ports import find_ports
from edge_agent.capture.signal_stream import SampleBlock, StreamSensor, StreamTable
from edge_agent.capture.source import FoundDevice, SourceDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import PYSERIAL, Library
from edge_agent.contracts.core.types import Signal
from edge_agent.fieldbus.serial_port import open_port

if TYPE_CHECKING:
    from serial import Serial

SYNC = b"\xa5\x5a"
MOST_WAITING = 1 << 16
"""Bytes without one readable sample; then the line speaks something else."""


class SerialLineTable(StreamTable):
    """A sensor on a serial line: lines of numbers, or frames of 16-bit numbers."""

    driver: Literal["serial_line"]
    device: str = Field(min_length=1, description="such as /dev/ttyUSB0 or /dev/serial/by-id/...")
    baud: int = Field(default=115200, ge=300, le=4_000_000, description="speed of the line")
    format: Literal["text", "int16"] = Field(
        default="text", description="lines of numbers, or frames A5 5A counter axes sum"
    )
    counter: bool = Field(
        default=False, description="text: the first number of a line counts the samples"
    )
    scale: float = Field(default=1, description="units of the signal of one step of the numbers")
    full_scale: float = Field(
        default=0, ge=0, description="largest magnitude of a sample, to name clipping; 0: unknown"
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (PYSERIAL,)


class Parser(Protocol):
    """Bytes to samples; keeps what is not whole yet."""

    def feed(self, payload: bytes) -> tuple[Signal, int]:
        """(samples, how many are missing before the first)."""


class TextParser:
    """Lines of numbers, separated by anything that is no part of a number."""

    def __init__(self, axes: int, *, counter: bool) -> None:
        self._columns = axes + counter
        self._counter = counter
        self._rest = b""
        self._first = True
        self._last: int | None = None

    def feed(self, payload: bytes) -> tuple[Signal, int]:
        """(samples, lost); a line that cannot be read is a lost sample."""
        *lines, self._rest = (self._rest + payload).split(b"\n")
        if self._first and lines:
            lines, self._first = lines[1:], False  # its beginning may lie before the opening
        rows, bad = [], 0
        for line in lines:
            row = self._numbers(line)
            bad += row is None
            rows += [] if row is None else [row]
        table = np.array(rows, np.float64).reshape(-1, self._columns)
        if not self._counter:
            return table.astype(np.float32), bad
        return table[:, 1:].astype(np.float32), self._lost(table[:, 0])

    def _numbers(self, line: bytes) -> list[float] | None:
        words = re.findall(rb"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?", line)
        try:
            found = [float(word) for word in words]
        except ValueError:
            return None
        return found if len(found) == self._columns else None

    def _lost(self, counts: np.ndarray) -> int:
        if not len(counts):
            return 0
        last = counts[0] - 1 if self._last is None else self._last
        missing = int(counts[-1] - last) - len(counts)
        self._last = int(counts[-1])
        return max(0, missing)


class FrameParser:
    """Frames of 16-bit numbers with a counter and a sum."""

    def __init__(self, axes: int) -> None:
        self._axes = axes
        self._size = len(SYNC) + 1 + 2 * axes + 1
        self._rest = b""
        self._last: int | None = None

    def feed(self, payload: bytes) -> tuple[Signal, int]:
        """(samples, lost); a frame whose sum is wrong is lost, and the counter shows it."""
        data, size = self._rest + payload, self._size
        rows: list[np.ndarray] = []
        lost = 0
        at = data.find(SYNC)
        while at >= 0 and at + size <= len(data):
            frame = data[at : at + size]
            if sum(frame[2:-1]) % 256 != frame[-1]:
                at = data.find(SYNC, at + 1)
                continue
            lost += self._missing(frame[2])
            rows.append(np.frombuffer(frame[3:-1], "<i2"))
            at = data.find(SYNC, at + size)
        self._rest = data[at:] if at >= 0 else data[-1:]
        return np.array(rows, np.float32).reshape(-1, self._axes), lost

    def _missing(self, counter: int) -> int:
        last, self._last = self._last, counter
        return 0 if last is None else (counter - last - 1) % 256


ABSENT = "plug it in, correct `device` (`lineside-agent sensors`), join the group dialout"


class SerialDevice:
    """The line, opened by pyserial for this process alone."""

    def __init__(self, config: SerialLineTable, clock: Clock) -> None:
        self.full_scale = config.full_scale
        self._config = config
        self._clock = clock
        self._line: Serial | None = None
        self._parser: Parser = self._new_parser()
        self._unread = 0

    def open(self) -> None:
        """Open and set the line; raises DeviceError."""
        config = self._config
        self._line = open_port(config.device, config.baud, cure=ABSENT)
        self._parser, self._unread = self._new_parser(), 0

    def read(self, timeout_s: float) -> SampleBlock | None:
        """What came since; raises DeviceError when the line is gone or speaks something else."""
        if self._line is None:
            raise self._error("not open", "open it first")
        try:
            ready, _, _ = select.select([self._line], [], [], timeout_s)
            payload = self._line.read(max(1, self._line.in_waiting)) if ready else b""
        except OSError as error:
            raise self._error(f"is gone ({error})", "check the cable") from error
        if not payload:
            return None
        mono_ns = self._clock.mono_ns()
        numbers, lost = self._parser.feed(payload)
        self._unread = 0 if len(numbers) else self._unread + len(payload)
        if self._unread > MOST_WAITING:
            raise self._error(
                f"sends no {self._config.format} with {len(self._config.axes)} axes",
                "correct `baud`, `format`, `counter` or `axes`",
            )
        samples = (numbers * np.float32(self._config.scale)).astype(np.float32)
        return SampleBlock(samples, mono_ns, lost)

    def close(self) -> None:
        """Release the line."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _new_parser(self) -> Parser:
        axes = len(self._config.axes)
        if self._config.format == "int16":
            return FrameParser(axes)
        return TextParser(axes, counter=self._config.counter)

    def _error(self, what: str, cure: str) -> DeviceError:
        return DeviceError(what, where=self._config.device, cure=cure)


def build(config: SerialLineTable, *, name: str, clock: Clock) -> StreamSensor:
    """The sensor of a table."""
    return StreamSensor(SerialDevice(config, clock), config, name=name, clock=clock)


def _list() -> list[FoundDevice]:
    shape = {"axes": ["x"], "rate_hz": 1000}
    return [
        FoundDevice(
            "serial_line",
            port.name,
            port.path,
            (),
            {"driver": "serial_line", "device": port.path} | shape,
        )
        for port in find_ports()
    ]


DRIVER = SourceDriver(SerialLineTable, build, finds=_list)
