"""A counter register of a PLC or a counter module over Modbus TCP or RTU."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.encoder.encoder import EncoderDriver, EncoderTable
from edge_agent.fieldbus.modbus import ModbusDevice, ModbusPoint

REGISTER_VALUES = 1 << 16


class ModbusEncoderTable(EncoderTable, ModbusDevice):
    """A register of 16 bits that counts up or down and begins again at 0 after 65535."""

    driver: Literal["modbus"]
    area: Literal["holding_register", "input_register"] = Field(
        default="input_register", description="where the counter is"
    )
    address: int = Field(ge=0, le=65535, description="its address, counted from 0")


class ModbusEncoder:
    """Adds up the steps between two readings; each must be less than half of the register."""

    def __init__(self, config: ModbusEncoderTable, *, clock: Clock) -> None:
        del clock
        self._point = ModbusPoint(config, config.area, config.address)
        self._last = 0
        self._counts = 0

    def open(self) -> None:
        """Connect; what stands there now is 0."""
        self._point.open()
        self._last, self._counts = self._point.read(), 0

    def read(self) -> int:
        """Counts since open(); raises DeviceError."""
        value = self._point.read()
        self._counts += unwrapped_step(self._last, value)
        self._last = value
        return self._counts

    def close(self) -> None:
        """Disconnect."""
        self._point.close()


def unwrapped_step(before: int, after: int) -> int:
    """The shorter way from one value of a register to the next, forwards or backwards."""
    step = (after - before) % REGISTER_VALUES
    return step - REGISTER_VALUES if step >= REGISTER_VALUES // 2 else step


DRIVER = EncoderDriver(ModbusEncoderTable, ModbusEncoder)
