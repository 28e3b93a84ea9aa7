"""The handshake over Modbus TCP with the station as the server (slave)."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.extras import Library
from edge_agent.fieldbus.modbus import PYMODBUS
from edge_agent.fieldbus.modbus_server import RegisterServer
from edge_agent.plc.driver import PlcDriver, PlcTable
from edge_agent.plc.registers import COMMAND, STATUS, Status, encode_status

LOG = logging.getLogger("lineside.plc")


class ModbusServerTable(PlcTable):
    """The PLC is the Modbus client (master): it writes the command and reads the status block.

    Modbus knows no password: listen on the network of the machine alone.
    """

    driver: Literal["modbus_server"]
    listen: str = Field(min_length=1, description="address of the station's interface to the PLC")
    port: int = Field(
        default=502, ge=1, le=65535, description="TCP port; one below 1024 needs a right"
    )
    command_address: int = Field(
        default=0, ge=0, le=60000, description="first holding register of the command block"
    )
    status_address: int = Field(
        default=100, ge=0, le=60000, description="first holding register of the status block"
    )
    silent_s: float = Field(
        default=1,
        gt=0,
        le=60,
        description="a PLC that asked nothing for so long is gone: as if `enable` were 0",
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (PYMODBUS,)

    @property
    def listens_on(self) -> tuple[int, ...]:
        """The TCP ports that it opens on this station."""
        return (self.port,)

    @model_validator(mode="after")
    def _blocks_lie_apart(self) -> Self:
        apart = self.status_address - self.command_address
        if -len(STATUS) < apart < len(COMMAND):
            raise ValueError("command_address and status_address overlap")
        return self


class ModbusServerPlc:
    """Serves both blocks as long as the process lives, so that a PLC may come and go."""

    def __init__(self, config: ModbusServerTable) -> None:
        self._config = config
        self._server = RegisterServer(
            config.listen,
            config.port,
            writable=(config.command_address, len(COMMAND)),
            readable=(config.status_address, len(STATUS)),
            clock=SystemClock(),
        )
        self.where = self._server.where
        self._is_silent = True

    def open(self) -> None:
        """Begin to serve. The numbers of acquisitions begin anywhere: no memory outlives us."""
        first = Status(acquisition_id=secrets.randbelow(1 << 16))
        self._server.show(0, encode_status(first))
        self._server.start()

    def read_command(self) -> list[int]:
        """The command block; zeros while the PLC is silent."""
        words, silent_s = self._server.written()
        is_silent = silent_s > self._config.silent_s
        if is_silent != self._is_silent:
            self._is_silent = is_silent
            LOG.warning("%s: the PLC is %s", self.where, "silent" if is_silent else "there")
            if is_silent:
                self._server.forget()
        return [0] * len(COMMAND) if is_silent else words

    def read_status(self) -> list[int]:
        """The status block."""
        return self._server.shown()

    def write_status(self, first: int, words: Sequence[int]) -> None:
        """Set words of the status block."""
        self._server.show(first, words)

    def close(self) -> None:
        """Serve no more."""
        self._server.stop()


DRIVER = PlcDriver(ModbusServerTable, ModbusServerPlc)
