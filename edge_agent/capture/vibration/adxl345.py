"""The accelerometer ADXL345 on I2C or SPI, through its FIFO.

Source: Analog Devices, ADXL345 data sheet, revision G: register map, FIFO, "Data formatting".
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

DEVID, BW_RATE, POWER_CTL, INT_SOURCE, DATA_FORMAT = 0x00, 0x2C, 0x2D, 0x30, 0x31
DATA, FIFO_CTL, FIFO_STATUS = 0x32, 0x38, 0x39
IDENTITY = 0xE5
RATES_HZ = {25: 8, 50: 9, 100: 10, 200: 11, 400: 12, 800: 13, 1600: 14}
"""Rate -> its code. 3200 Hz would fill the FIFO in 10 ms, faster than Linux can be relied on."""
RANGES_G = {2: 0, 4: 1, 8: 2, 16: 3}
FULL_RESOLUTION, STEPS_PER_G = 0x08, 256.0
STREAM_MODE, MEASURE, OVERRUN, ENTRIES = 0x80, 0x08, 0x01, 0x3F


class Adxl345Table(ChipTable):
    """An accelerometer ADXL345 on I2C or SPI."""

    driver: Literal["adxl345"]
    address: Literal[0x53, 0x1D] = Field(
        default=0x53, description="on I2C: 83 (0x53), or 29 (0x1d) with SDO high"
    )
    rate_hz: Literal[25, 50, 100, 200, 400, 800, 1600] = Field(
        default=800, description="samples a second"
    )
    range_g: Literal[2, 4, 8, 16] = Field(default=16, description="largest acceleration in g")


class Adxl345:
    """The chip's registers."""

    depth = 32

    def __init__(self, rate_hz: int, range_g: int) -> None:
        self.rate_hz = float(rate_hz)
        self.full_scale_g = float(range_g)
        self._codes = {
            BW_RATE: RATES_HZ[rate_hz],
            DATA_FORMAT: FULL_RESOLUTION | RANGES_G[range_g],
            FIFO_CTL: STREAM_MODE,
            POWER_CTL: MEASURE,
        }

    def start(self, bus: RegisterBus) -> None:
        """Identify, set and read back; raises DeviceError."""
        found = bus.read(DEVID, 1)[0]
        if found != IDENTITY:
            raise DeviceError(
                f"is no ADXL345 (identity 0x{found:02x}, 0xe5 expected)",
                where=bus.where,
                cure="check address, chip select and wiring",
            )
        bus.write(FIFO_CTL, 0)  # what the queue holds is older than the opening
        for register, code in self._codes.items():
            set_register(bus, register, code)

    def waiting(self, bus: RegisterBus) -> tuple[int, bool]:
        """(samples in the FIFO, whether it has run over)."""
        ran_over = bool(bus.read(INT_SOURCE, 1)[0] & OVERRUN)
        return min(bus.read(FIFO_STATUS, 1)[0] & ENTRIES, self.depth), ran_over

    def take(self, bus: RegisterBus, count: int) -> Signal:
        """Each read of the six data registers takes one sample out."""
        raw = b"".join(bus.read(DATA, 6) for _ in range(count))
        steps = np.frombuffer(raw, "<i2").reshape(-1, 3)
        return (steps / STEPS_PER_G).astype(np.float32)

    def stop(self, bus: RegisterBus) -> None:
        """Standby; a chip that is gone cannot be stopped."""
        with suppress(DeviceError):
            bus.write(POWER_CTL, 0)


def build(
    config: Adxl345Table, *, name: str, clock: Clock, bus: RegisterBus | None = None
) -> StreamSensor:
    """The sensor of a table."""
    chip = Adxl345(config.rate_hz, config.range_g)
    # SPI mode 3; the first byte is read (0x80), several bytes (0x40), register.
    found = bus or build_bus(
        config.device, config.address, mode=3, speed_hz=5_000_000, shift=0, read_bits=0xC0
    )
    return build_sensor(chip, found, config, name=name, clock=clock)


def _list() -> list[FoundDevice]:
    return find_nodes("adxl345")


DRIVER = SourceDriver(Adxl345Table, build, finds=_list)
