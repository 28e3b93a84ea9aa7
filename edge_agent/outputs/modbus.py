"""A coil or holding register of a PLC or remote I/O over Modbus TCP or RTU."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.fieldbus.modbus import ModbusDevice, ModbusPoint
from edge_agent.outputs.level import LevelOutput, LevelTable
from edge_agent.outputs.output import OutputDriver


class ModbusOutputTable(LevelTable, ModbusDevice):
    """A coil or register that is set for each decision, and read back."""

    driver: Literal["modbus"]
    area: Literal["coil", "holding_register"] = Field(default="coil", description="what is set")
    address: int = Field(ge=0, le=65535, description="its address, counted from 0")


class ModbusOutput(LevelOutput):
    """Drives the coil or register."""

    def __init__(self, config: ModbusOutputTable, *, name: str, clock: Clock) -> None:
        del clock
        super().__init__(config, ModbusPoint(config, config.area, config.address), name)


DRIVER = OutputDriver(ModbusOutputTable, ModbusOutput, reads_back=True)
