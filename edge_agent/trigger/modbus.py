"""A coil, input or counter register of a PLC that reports each part, read at short intervals."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.fieldbus.modbus import ModbusDevice, ModbusPoint
from edge_agent.trigger.polled import PolledTable, PolledTrigger
from edge_agent.trigger.trigger import TriggerDriver

REGISTER_VALUES = 1 << 16


class ModbusTriggerTable(PolledTable, ModbusDevice):
    """A bit that rises with each part, or a register that counts parts.

    A counter is the better of the two: it tells how many parts went by between two readings.
    """

    driver: Literal["modbus"]
    area: Literal["coil", "discrete_input", "holding_register", "input_register"] = Field(
        default="discrete_input", description="a bit: rising edge; a register: counter of parts"
    )
    address: int = Field(ge=0, le=65535, description="its address, counted from 0")


class ModbusTrigger(PolledTrigger):
    """Reads the coil, input or register."""

    def __init__(self, config: ModbusTriggerTable, *, name: str, clock: Clock) -> None:
        values = REGISTER_VALUES if config.area.endswith("register") else 0
        point = ModbusPoint(config, config.area, config.address)
        super().__init__(config, point, name=name, clock=clock, values=values)


DRIVER = TriggerDriver(ModbusTriggerTable, ModbusTrigger)
