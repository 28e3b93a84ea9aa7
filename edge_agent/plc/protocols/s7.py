"""The handshake over S7 communication (PUT/GET): two stretches of one data block of the PLC."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from edge_agent.fieldbus.s7 import S7Device, S7Link
from edge_agent.plc.driver import PlcDriver, PlcTable
from edge_agent.plc.registers import COMMAND, STATUS


class S7PlcTable(PlcTable, S7Device):
    """The station reads and writes a data block; its words are WORD (big-endian)."""

    driver: Literal["s7"]
    db: int = Field(ge=1, le=65535, description="number of the data block")
    command_byte: int = Field(
        default=0, ge=0, le=65000, description="first byte of the command block in it"
    )
    status_byte: int = Field(
        default=100, ge=0, le=65000, description="first byte of the status block in it"
    )

    @model_validator(mode="after")
    def _words_begin_at_even_bytes(self) -> Self:
        if self.command_byte % 2 or self.status_byte % 2:
            raise ValueError("a WORD begins at an even byte")
        return self


class S7Plc:
    """Reads and writes words of the data block."""

    def __init__(self, config: S7PlcTable) -> None:
        self.where = config.where
        self._config = config
        self._link = S7Link(config)

    def open(self) -> None:
        """Connect."""
        self._link.open()

    def read_command(self) -> list[int]:
        """The command block."""
        return self._read(self._config.command_byte, len(COMMAND))

    def read_status(self) -> list[int]:
        """The status block."""
        return self._read(self._config.status_byte, len(STATUS))

    def write_status(self, first: int, words: Sequence[int]) -> None:
        """Set words of the status block."""
        db, byte = self._config.db, self._config.status_byte + 2 * first
        raw = bytearray(struct.pack(f">{len(words)}H", *words))
        self._link.ask(lambda client: client.db_write(db, byte, raw), f"DB{db}.DBW{byte}")

    def close(self) -> None:
        """Disconnect."""
        self._link.close()

    def _read(self, byte: int, count: int) -> list[int]:
        db = self._config.db
        raw = self._link.ask(lambda c: c.db_read(db, byte, 2 * count), f"DB{db}.DBW{byte}")
        return list(struct.unpack(f">{count}H", bytes(raw)))


DRIVER = PlcDriver(S7PlcTable, S7Plc)
