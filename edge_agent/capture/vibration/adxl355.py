"""The low-noise accelerometer ADXL355 on I2C or SPI, through its FIFO.

Source: Analog Devices, ADXL354/ADXL355 data sheet, revision C: register map, FIFO.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import numpy as np
from pydantic import Field

from edge_agent.capture.chip_stream import ChipTable, build_sensor, set_register
from edge_agent.capture.register_bus import RegisterBus, build_bus
from edge_agent.capture.signal_stream import StreamSensor
from edge_agent.capture.source import FoundDevice, SourceDriver
from edge_agent.capture.spi_i2c_nodes import find_nodes
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Signal

DEVID_AD, PARTID, STATUS, FIFO_ENTRIES, FIFO_DATA = 0x00, 0x02, 0x04, 0x05, 0x11
FILTER, RANGE, POWER_CTL = 0x28, 0x2C, 0x2D
IDENTITY = (0xAD, 0xED)
RATES_HZ = {4000: 0, 2000: 1, 1000: 2, 500: 3, 250: 4, 125: 5}
RANGES_G = {2: 1, 4: 2, 8: 3}
STEPS_PER_G = {2: 256_000.0, 4: 128_000.0, 8: 64_000.0}
RANGE_BITS, OVERRUN, STANDBY = 0x03, 0x04, 0x01
X_MARK, EMPTY = 0x01, 0x02
"""Lowest bits of a FIFO word: it is an x; there was none."""


class Adxl355Table(ChipTable):
    """A low-noise accelerometer ADXL355 on I2C or SPI."""

    driver: Literal["adxl355"]
    address: Literal[0x1D, 0x53] = Field(
        default=0x1D, description="on I2C: 29 (0x1d), or 83 (0x53) with ASEL high"
    )
    rate_hz: Literal[125, 250, 500, 1000, 2000, 4000] = Field(
        default=1000, description="samples a second; its filter ends at a quarter of it"
    )
    range_g: Literal[2, 4, 8] = Field(default=8, description="largest acceleration in g")


class Adxl355:
    """The chip's registers."""

    depth = 32

    def __init__(self, rate_hz: int, range_g: int) -> None:
        self.rate_hz = float(rate_hz)
        self.full_scale_g = float(range_g)
        self._steps_per_g = STEPS_PER_G[range_g]
        self._filter = RATES_HZ[rate_hz]
        self._range = RANGES_G[range_g]

    def start(self, bus: RegisterBus) -> None:
        """Identify, set and read back; raises DeviceError."""
        found = (bus.read(DEVID_AD, 1)[0], bus.read(PARTID, 1)[0])
        if found != IDENTITY:
            raise DeviceError(
                f"is no ADXL355 (identity 0x{found[0]:02x} 0x{found[1]:02x}, 0xad 0xed expected)",
                where=bus.where,
                cure="check address, chip select and wiring",
            )
        bus.write(POWER_CTL, STANDBY)
        kept = bus.read(RANGE, 1)[0] & ~RANGE_BITS
        for register, code in ((FILTER, self._filter), (RANGE, kept | self._range)):
            set_register(bus, register, code)
        bus.write(POWER_CTL, 0)

    def waiting(self, bus: RegisterBus) -> tuple[int, bool]:
        """(whole samples in the FIFO, whether it has run over)."""
        ran_over = bool(bus.read(STATUS, 1)[0] & OVERRUN)
        return min(bus.read(FIFO_ENTRIES, 1)[0] // 3, self.depth), ran_over

    def take(self, bus: RegisterBus, count: int) -> Signal:
        """Words of 20 bits, high byte first; one that is no x at its place is left out."""
        rows = []
        for _ in range(count):
            words = bus.read(FIFO_DATA, 9)
            while words and not words[2] & X_MARK:
                words = words[3:] + bus.read(FIFO_DATA, 3)
                if words[-1] & EMPTY:
                    words = b""
            if words and not words[2] & EMPTY:
                rows.append([_number(words[at : at + 3]) for at in (0, 3, 6)])
        steps = np.array(rows, np.float64).reshape(-1, 3)
        return (steps / self._steps_per_g).astype(np.float32)

    def stop(self, bus: RegisterBus) -> None:
        """Standby; a chip that is gone cannot be stopped."""
        with suppress(DeviceError):
            bus.write(POWER_CTL, STANDBY)


def build(
    config: Adxl355Table, *, name: str, clock: Clock, bus: RegisterBus | None = None
) -> StreamSensor:
    """The sensor of a table."""
    chip = Adxl355(config.rate_hz, config.range_g)
    # SPI mode 0; the first byte is the register, and the lowest bit reads.
    found = bus or build_bus(
        config.device, config.address, mode=0, speed_hz=5_000_000, shift=1, read_bits=1
    )
    return build_sensor(chip, found, config, name=name, clock=clock)


def _number(word: bytes) -> int:
    raw = int.from_bytes(word, "big") >> 4
    return raw - (1 << 20) if raw & (1 << 19) else raw


def _list() -> list[FoundDevice]:
    return find_nodes("adxl355")


DRIVER = SourceDriver(Adxl355Table, build, finds=_list)
