"""A simulated light barrier over a belt: regular parts, with known misses and bounces."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.simulator import parts
from edge_agent.trigger.trigger import (
    EndOfTrigger,
    TriggerDriver,
    TriggerEvent,
    TriggerStatus,
    TriggerTable,
)


class SimulatedTriggerTable(TriggerTable):
    """Parts `start`, `start` + 1, ... of the simulated line."""

    driver: Literal["simulated"]
    seed: int = Field(default=1, ge=0, description="part k of a seed is always the same")
    start: int = Field(default=0, ge=0, description="number of the first part")
    parts: int = Field(default=0, ge=0, description="parts to give; 0: without end")
    rate_hz: float = Field(default=10, gt=0, le=1000, description="parts a second")
    missed_rate: float = Field(
        default=0, ge=0, le=1, description="share of parts that the barrier does not see"
    )
    bounce_rate: float = Field(
        default=0, ge=0, le=1, description="share of parts that give a second edge"
    )


class SimulatedTrigger:
    """Gives an event for each part; the part id is `sim-<seed>-<k>`, as the camera's.

    A missed part leaves a hole in the part ids; a bounce repeats the part id with a new `seq`.
    """

    def __init__(self, config: SimulatedTriggerTable, *, name: str, clock: Clock) -> None:
        self._config = config
        self._name = name
        self._clock = clock
        self._due_ns: int | None = None
        self._part = 0
        self._bounces = False
        self._events = 0
        self._missed = 0

    def open(self) -> None:
        """Start the belt; a belt that was closed goes on with the next part."""
        self._due_ns = self._clock.mono_ns()

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next edge, or None after `timeout_s`; EndOfTrigger after `parts` parts."""
        if self._due_ns is None:
            raise DeviceError("not open", where=f"trigger {self._name}", cure="open it first")
        if self._bounces:
            self._bounces = False
            return self._event(self._part - 1)
        if self._config.parts and self._part >= self._config.parts:
            raise EndOfTrigger
        left_s = (self._due_ns - self._clock.mono_ns()) / 1e9
        self._clock.sleep_s(max(0.0, min(left_s, timeout_s)))
        return None if left_s > timeout_s else self._pass_part()

    def status(self) -> TriggerStatus:
        """Edges given, and parts that the barrier did not see."""
        return TriggerStatus(self._events, self._missed)

    def close(self) -> None:
        """Stop the belt."""
        self._due_ns = None

    def _pass_part(self) -> TriggerEvent | None:
        k, self._part = self._part, self._part + 1
        self._due_ns = (self._due_ns or 0) + round(1e9 / self._config.rate_hz)
        missed, bounce = np.random.default_rng((self._config.seed, k, 0x7216)).random(2)
        if missed < self._config.missed_rate:
            self._missed += 1
            return None
        self._bounces = bool(bounce < self._config.bounce_rate)
        return self._event(k)

    def _event(self, k: int) -> TriggerEvent:
        seq, self._events = self._events, self._events + 1
        part_id = parts.part_id(self._config.seed, self._config.start + k)
        return TriggerEvent(self._clock.mono_ns(), seq, part_id)


DRIVER = TriggerDriver(SimulatedTriggerTable, SimulatedTrigger, names_parts=True)
