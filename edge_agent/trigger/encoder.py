"""The belt's way as trigger: a part, or a place for one, comes every so many millimetres."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.encoder.track import Track
from edge_agent.trigger.trigger import TriggerDriver, TriggerEvent, TriggerStatus, TriggerTable

LOOK_S = 0.002


class EncoderTriggerTable(TriggerTable):
    """An event each time the belt of [encoder] has moved on by `every_mm`."""

    driver: Literal["encoder"]
    every_mm: float = Field(gt=0, le=100_000, description="way of the belt from part to part")


class EncoderTrigger:
    """Gives an event for each place, with the moment at which the belt came there.

    A belt that goes back and comes again gives no place twice.
    """

    def __init__(self, config: EncoderTriggerTable, *, name: str, clock: Clock) -> None:
        self._every_um = round(config.every_mm * 1e3)
        self._name = name
        self._clock = clock
        self._track: Track | None = None
        self._due_um: int | None = None
        self._events = 0

    def follow(self, track: Track) -> None:
        """The way of the belt, before open()."""
        self._track = track

    def open(self) -> None:
        """Begin with the next place."""
        if self._track is None:
            cure = "add an [encoder]"
            raise DeviceError("has no encoder", where=f"trigger {self._name}", cure=cure)
        self._due_um = None

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next place, or None when the belt did not come to it in time."""
        track = self._track
        if track is None:
            raise DeviceError("is not open", where=f"trigger {self._name}", cure="open it first")
        until_ns = self._clock.mono_ns() + timeout_s * 1e9
        while True:
            event = self._event(track)
            if event is not None:
                return event
            if self._clock.mono_ns() >= until_ns:
                return None
            self._clock.sleep_s(LOOK_S)

    def status(self) -> TriggerStatus:
        """Places that the belt came to."""
        return TriggerStatus(self._events)

    def close(self) -> None:
        """Nothing is held."""

    def _event(self, track: Track) -> TriggerEvent | None:
        now_ns = self._clock.mono_ns()
        here_um = track.at(now_ns)
        if here_um is None:  # the encoder is lost, and counts anew when it is there again
            self._due_um = None
            return None
        if self._due_um is None:
            self._due_um = (here_um // self._every_um + 1) * self._every_um
        if here_um < self._due_um:
            return None
        mono_ns = track.when(self._due_um)
        if mono_ns is None:  # reckoned ahead of the last reading: it will be told by the next one
            return None
        self._due_um += self._every_um
        seq, self._events = self._events, self._events + 1
        return TriggerEvent(mono_ns, seq)


DRIVER = TriggerDriver(EncoderTriggerTable, EncoderTrigger)
