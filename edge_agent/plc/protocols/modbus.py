"""The handshake over Modbus TCP or RTU: two blocks of holding registers of the PLC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from edge_agent.fieldbus.modbus import ModbusDevice, ModbusLink, read_words, write_words
from edge_agent.plc.driver import PlcDriver, PlcTable
from edge_agent.plc.registers import COMMAND, STATUS


class ModbusPlcTable(PlcTable, ModbusDevice):
    """The PLC is the Modbus server (slave), the station its client (master)."""

    driver: Literal["modbus"]
    command_address: int = Field(
        default=0, ge=0, le=65000, description="first holding register of the command block"
    )
    status_address: int = Field(
        default=100, ge=0, le=65000, description="first holding register of the status block"
    )


class ModbusPlc:
    """Reads and writes holding registers."""

    def __init__(self, config: ModbusPlcTable) -> None:
        self.where = config.where
        self._config = config
        self._link = ModbusLink(config)

    def open(self) -> None:
        """Connect."""
        self._link.open()

    def read_command(self) -> list[int]:
        """The command block."""
        return read_words(self._link, self._config.command_address, len(COMMAND))

    def read_status(self) -> list[int]:
        """The status block."""
        return read_words(self._link, self._config.status_address, len(STATUS))

    def write_status(self, first: int, words: Sequence[int]) -> None:
        """Set words of the status block."""
        write_words(self._link, self._config.status_address + first, words)

    def close(self) -> None:
        """Disconnect."""
        self._link.close()


DRIVER = PlcDriver(ModbusPlcTable, ModbusPlc)
