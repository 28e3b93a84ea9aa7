"""Samples of a channel's own source, each when it is asked for: by key, by clock, or by trigger."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from typing import Protocol, TextIO

from edge_agent.capture.source import EndOfSource, Source
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame, Item, Unreadable
from edge_agent.trigger.trigger import EndOfTrigger, Trigger

TICK_S = 0.05
"""Longest wait for an item while somebody may ask for one."""
SILENT_S = 10.0
"""A source that gives nothing for so long while a sample is awaited has none to give."""


class Ended(Exception):  # noqa: N818 - an end, not an error
    """Whoever asks for samples asks for no more."""


class Asking(Protocol):
    """Who decides when a sample is taken."""

    def asked(self) -> str | None:
        """The part id, or "" for one without a name, when a sample is to be taken now; else None.

        Raises Ended.
        """


class AskedAlways:
    """Every item that comes is a sample."""

    def asked(self) -> str | None:
        """Always."""
        return ""


class AskedByClock:
    """A sample every `every_s` seconds."""

    def __init__(self, every_s: float, clock: Clock) -> None:
        self._every_ns = round(every_s * 1e9)
        self._clock = clock
        self._due_ns = clock.mono_ns()

    def asked(self) -> str | None:
        """Whether the next one is due; a late caller leaves out whole periods."""
        now = self._clock.mono_ns()
        if now < self._due_ns:
            return None
        self._due_ns += ((now - self._due_ns) // self._every_ns + 1) * self._every_ns
        return ""


class AskedByKey:
    """A sample for each line from a person: Enter takes one, q and Enter, or the end, is the end.

    A word is the name of the part.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._handle = (stream or sys.stdin).fileno()
        self._typed = b""
        self._closed = False

    def asked(self) -> str | None:
        """The next line that was typed."""
        if not self._closed and select.select([self._handle], [], [], 0)[0]:
            more = os.read(self._handle, 4096)
            self._typed += more
            self._closed = not more
        line, ended, rest = self._typed.partition(b"\n")
        if not ended and not self._closed:
            return None
        self._typed = rest
        word = line.decode("utf-8", "replace").strip()
        if word == "q" or not (ended or word):
            raise Ended
        return word


class AskedByTrigger:
    """A sample for each event of the station's own trigger, which is open."""

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger

    def asked(self) -> str | None:
        """Whether a part came."""
        try:
            event = self._trigger.next(0)
        except EndOfTrigger as error:
            raise Ended from error
        return None if event is None else event.part_id


def collect(
    source: Source, asking: Asking, clock: Clock, unfit: Callable[[str], None]
) -> Iterator[tuple[Item, str]]:
    """(item, part id) of each sample, until somebody or the source ends; the source is open.

    A picture is one that was taken after it was asked for. unfit: is told why an item could not be
    read; the next one takes its place. Raises DeviceError where the source falls silent.
    """
    while True:
        try:
            part = asking.asked()
            if part is not None:
                yield _sample(source, clock, unfit), part
            elif source.live:
                # What nobody asked for must not wait inside the driver and be taken later.
                source.next(TICK_S)
            else:
                clock.sleep_s(TICK_S)
        except (Ended, EndOfSource):
            return


def _sample(source: Source, clock: Clock, unfit: Callable[[str], None]) -> Item:
    asked_ns = heard_ns = clock.mono_ns()
    while clock.mono_ns() - heard_ns < SILENT_S * 1e9:
        item = source.next(TICK_S)
        if item is None:
            continue
        heard_ns = clock.mono_ns()
        if isinstance(item, Unreadable):
            unfit(item.reason)
        elif not (source.live and isinstance(item, Frame) and item.mono_ns < asked_ns):
            return item
    raise DeviceError(
        f"gave nothing for {SILENT_S:g} s",
        where="the channel's source",
        cure="`lineside-agent check` says more",
    )
