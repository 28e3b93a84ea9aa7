"""A sensor on a serial line: the far end of a pseudo-terminal, which sends at a rate of its own."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Callable

from edge_agent.capture.signal_stream import SampleBlock
from edge_agent.contracts.core.types import Item, Signal


def text_line(number: int) -> bytes:
    """Sample `number` as a counter and three axes."""
    return b"%d,%.3f,-0.5,%d\r\n" % (number, 0.001 * (number % 100), number % 7)


class Microcontroller:
    """Sends `line(k)` for k = 0, 1, ... at rate_hz; `path` is the end that the station opens.

    skip: a number that is left out, as where its own buffer ran over.
    """

    def __init__(self, rate_hz: float, line: Callable[[int], bytes] = text_line) -> None:
        self.rate_hz = rate_hz
        self.skip: set[int] = set()
        self._line = line
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="microcontroller", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """The line is gone at both ends."""
        self._end.set()
        self._thread.join(5)
        for handle in (self._master, self._slave):
            if handle >= 0:
                os.close(handle)
        self._master = self._slave = -1

    def _run(self) -> None:
        began, sent = time.monotonic(), 0
        while not self._end.wait(0.02):
            due = int((time.monotonic() - began) * self.rate_hz)
            numbers = [k for k in range(sent, due) if k not in self.skip]
            sent = due
            try:
                os.write(self._master, b"".join(self._line(k) for k in numbers))
            except BlockingIOError:
                continue  # nobody reads: the line's buffer is full


class QuickClock:
    """The machine's clocks, `times` as fast: a second of a sensor takes a part of one here."""

    def __init__(self, times: int = 5) -> None:
        self.times = times
        self._utc_ns = time.time_ns()
        self._mono_ns = time.monotonic_ns()

    def utc_ns(self) -> int:
        return self._utc_ns + self.times * (time.monotonic_ns() - self._mono_ns)

    def mono_ns(self) -> int:
        return self._mono_ns + self.times * (time.monotonic_ns() - self._mono_ns)

    def sleep_s(self, seconds: float) -> None:
        time.sleep(seconds / self.times)


class ScriptedDevice:
    """A device that gives prepared blocks, for what only a clock that is owned can show."""

    def __init__(self, blocks: list[SampleBlock | None], full_scale: float = 0.0) -> None:
        self.full_scale = full_scale
        self.blocks = blocks

    def open(self) -> None:
        pass

    def read(self, timeout_s: float) -> SampleBlock | None:
        return self.blocks.pop(0) if self.blocks else None

    def close(self) -> None:
        pass


def blocks_of(
    signal: Signal, size: int, rate_hz: float, start_ns: int = 10**9
) -> list[SampleBlock | None]:
    """The signal in blocks of `size` whose stamps fit `rate_hz`."""
    return [
        SampleBlock(signal[at : at + size], start_ns + round((at + size) / rate_hz * 1e9))
        for at in range(0, len(signal) - size + 1, size)
    ]


def take(feed: object, within_s: float = 8) -> Item | None:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        item = feed.take(0.2)  # type: ignore[attr-defined]
        if item is not None:
            return item
    return None
