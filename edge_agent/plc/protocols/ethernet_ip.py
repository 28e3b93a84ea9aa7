"""The handshake over EtherNet/IP: two arrays of INT among the PLC's tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from edge_agent.fieldbus.ethernet_ip import EthernetIpDevice, EthernetIpLink
from edge_agent.plc.driver import PlcDriver, PlcTable
from edge_agent.plc.registers import COMMAND, STATUS


class EthernetIpPlcTable(PlcTable, EthernetIpDevice):
    """The station reads and writes two controller tags; a number above 32767 is negative in INT."""

    driver: Literal["ethernet_ip"]
    command_tag: str = Field(
        default="LinesideCommand", min_length=1, description=f"array INT[{len(COMMAND)}] or longer"
    )
    status_tag: str = Field(
        default="LinesideStatus", min_length=1, description=f"array INT[{len(STATUS)}] or longer"
    )


class EthernetIpPlc:
    """Reads and writes elements of the arrays."""

    def __init__(self, config: EthernetIpPlcTable) -> None:
        self.where = config.where
        self._config = config
        self._link = EthernetIpLink(config)

    def open(self) -> None:
        """Connect."""
        self._link.open()

    def read_command(self) -> list[int]:
        """The command block."""
        return self._read(self._config.command_tag, len(COMMAND))

    def read_status(self) -> list[int]:
        """The status block."""
        return self._read(self._config.status_tag, len(STATUS))

    def write_status(self, first: int, words: Sequence[int]) -> None:
        """Set words of the status block."""
        tag = f"{self._config.status_tag}[{first}]"
        self._link.write(tag, "INT", [word - (word >> 15 << 16) for word in words])

    def close(self) -> None:
        """Disconnect."""
        self._link.close()

    def _read(self, tag: str, count: int) -> list[int]:
        return [value & 0xFFFF for value in self._link.read(f"{tag}[0]", "INT", count)]


DRIVER = PlcDriver(EthernetIpPlcTable, EthernetIpPlc)
