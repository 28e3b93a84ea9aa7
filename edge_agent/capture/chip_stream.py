"""An accelerometer chip with a queue of its own (FIFO), emptied before it runs over."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

import numpy as np
from pydantic import Field

from edge_agent.capture.register_bus import RegisterBus
from edge_agent.capture.signal_stream import (
    STANDARD_GRAVITY,
    SampleBlock,
    StreamSensor,
    StreamTable,
)
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.contracts.core.extras import SMBUS2, Library
from edge_agent.contracts.core.types import Signal

SHARE = 4
"""The queue is looked at so often while it fills once."""
AXES = ("x", "y", "z")


class ChipTable(StreamTable):
    """What the table of every accelerometer chip has."""

    device: str = Field(
        pattern=r"^/dev/(i2c-\d+|spidev\d+\.\d+)$", description="/dev/i2c-1 or /dev/spidev0.0"
    )
    axes: list[Annotated[str, Field(pattern="^[xyz]$")]] = Field(
        default=["x", "y", "z"], min_length=1, max_length=3, description="which, in which order"
    )
    unit: Literal["g", "m/s2"] = Field(default="g", description="unit of the samples")

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (SMBUS2,) if "i2c" in self.device else ()


class Chip(Protocol):
    """What one kind of chip does differently. `rate_hz` is its own nearest rate."""

    depth: int
    """Samples that its queue holds."""
    rate_hz: float
    full_scale_g: float

    def start(self, bus: RegisterBus) -> None:
        """Identify, set and read back; raises DeviceError."""

    def waiting(self, bus: RegisterBus) -> tuple[int, bool]:
        """(samples in the queue, whether it has run over since)."""

    def take(self, bus: RegisterBus, count: int) -> Signal:
        """The oldest `count` samples, float32 (n, 3) in g; fewer where the queue held fewer."""

    def stop(self, bus: RegisterBus) -> None:
        """Put it to sleep."""


class ChipDevice:
    """The chip as a stream; its time is when its queue was looked at."""

    def __init__(
        self, chip: Chip, bus: RegisterBus, axes: tuple[int, ...], factor: float, clock: Clock
    ) -> None:
        self.full_scale = chip.full_scale_g * factor
        self._chip = chip
        self._bus = bus
        self._axes = list(axes)
        self._factor = np.float32(factor)
        self._clock = clock
        self._is_open = False

    def open(self) -> None:
        """Open the bus and start the chip; raises DeviceError."""
        self._bus.open()
        self._is_open = True
        self._chip.start(self._bus)

    def read(self, timeout_s: float) -> SampleBlock | None:
        """What the queue holds; raises DeviceError when the chip does not answer."""
        count, ran_over = self._chip.waiting(self._bus)
        mono_ns = self._clock.mono_ns()
        if not count:
            self._clock.sleep_s(min(timeout_s, self._chip.depth / SHARE / self._chip.rate_hz))
            return None
        samples = self._chip.take(self._bus, count)
        chosen = np.ascontiguousarray(samples[:, self._axes] * self._factor)
        # How many were lost nobody counts: the next queue full, at least.
        lost = self._chip.depth if ran_over else 0
        if count < self._chip.depth // 2:
            self._clock.sleep_s(min(timeout_s, self._chip.depth / SHARE / self._chip.rate_hz))
        return SampleBlock(chosen, mono_ns, lost)

    def close(self) -> None:
        """Put the chip to sleep where it still answers, and release the bus."""
        if self._is_open:
            self._is_open = False
            self._chip.stop(self._bus)
        self._bus.close()


def build_sensor(
    chip: Chip, bus: RegisterBus, config: ChipTable, *, name: str, clock: Clock
) -> StreamSensor:
    """The chip on its bus as a sensor; raises ConfigError for an axis that is named twice."""
    if len(set(config.axes)) < len(config.axes):
        raise ConfigError("an axis is named twice", where=f"channel {name}", cure="correct `axes`")
    factor = STANDARD_GRAVITY if config.unit == "m/s2" else 1.0
    axes = tuple(AXES.index(axis) for axis in config.axes)
    return StreamSensor(ChipDevice(chip, bus, axes, factor, clock), config, name=name, clock=clock)


def set_register(bus: RegisterBus, register: int, code: int) -> None:
    """Write a register and read it back; raises DeviceError where it holds something else."""
    bus.write(register, code)
    read = bus.read(register, 1)[0]
    if read != code:
        raise DeviceError(
            f"register 0x{register:02x} gave 0x{read:02x}, 0x{code:02x} was set",
            where=bus.where,
            cure="check wiring and supply",
        )
