"""One coil, input or register of a Modbus device, over TCP or RTU.

Source: Modbus Application Protocol Specification V1.1b3, sections 6 and 7.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import Library, missing
from edge_agent.settings.toml import Table

if TYPE_CHECKING:
    from pymodbus.client import ModbusSerialClient, ModbusTcpClient
    from pymodbus.pdu import ModbusPDU

PYMODBUS = Library("pymodbus", "pymodbus", "modbus")
Area: TypeAlias = Literal["coil", "discrete_input", "holding_register", "input_register"]


class ModbusDevice(Table):
    """Where a Modbus device is: `host`, or `serial` for RTU."""

    host: str = Field(default="", description="name or address of a Modbus TCP device")
    port: int = Field(default=502, ge=1, le=65535, description="TCP port")
    serial: str = Field(default="", description="a serial line such as /dev/ttyUSB0, for RTU")
    baud: int = Field(default=19200, ge=300, le=1_000_000, description="speed of the serial line")
    parity: Literal["none", "even", "odd"] = Field(
        default="even", description="parity of the serial line"
    )
    unit: int = Field(default=1, ge=0, le=255, description="the device's number (unit id)")
    timeout_s: float = Field(
        default=0.2, gt=0, le=10, description="longest wait for an answer; then the device is lost"
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (PYMODBUS,)

    @model_validator(mode="after")
    def _one_way_there(self) -> Self:
        if bool(self.host) == bool(self.serial):
            raise ValueError("give either host or serial")
        return self

    @property
    def where(self) -> str:
        """What messages call the device."""
        place = self.serial or f"{self.host}:{self.port}"
        return f"Modbus {place}, unit {self.unit}"


class ModbusLink:
    """A connection to a device. Used by one thread at a time; connects again when it was lost."""

    def __init__(self, device: ModbusDevice) -> None:
        self.device = device
        self._client: ModbusTcpClient | ModbusSerialClient | None = None

    def open(self) -> None:
        """Connect; raises DeviceError."""
        self.close()
        device = self.device
        try:
            from pymodbus import FramerType
            from pymodbus.client import ModbusSerialClient, ModbusTcpClient
        except ImportError as error:
            raise missing(PYMODBUS, device.where) from error
        # It logs each request without an answer; what fails is told by our own error.
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
        client: ModbusTcpClient | ModbusSerialClient
        if device.host:
            client = ModbusTcpClient(
                device.host, port=device.port, timeout=device.timeout_s, retries=0
            )
        else:
            client = ModbusSerialClient(
                device.serial,
                framer=FramerType.RTU,
                baudrate=device.baud,
                parity=device.parity[0].upper(),
                timeout=device.timeout_s,
                retries=0,
            )
        if not client.connect():
            client.close()  # type: ignore[no-untyped-call]
            cure = "start the PLC, or correct host, port or serial"
            raise DeviceError("cannot be reached", where=device.where, cure=cure)
        self._client = client

    def ask(
        self, request: Callable[[ModbusTcpClient | ModbusSerialClient], ModbusPDU], what: str
    ) -> ModbusPDU:
        """The answer to a request; raises DeviceError where there is none, or it is an exception
        (Modbus, section 7). what: the address in words.
        """
        if self._client is None:
            self.open()
        if self._client is None:
            raise DeviceError("not open", where=self.device.where, cure="open it first")
        try:
            answer = request(self._client)
        except Exception as error:
            self.close()
            raise DeviceError(
                f"does not answer ({error})",
                where=self.device.where,
                cure="check the PLC and the network; it is tried again",
            ) from error
        if answer.isError():
            raise DeviceError(
                f"refuses {what} ({answer})",
                where=self.device.where,
                cure="correct `area`, `address` or `unit`",
            )
        return answer

    def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]


class ModbusPoint:
    """One address of a device. Used by one thread at a time; connects again when it was lost."""

    def __init__(self, device: ModbusDevice, area: Area, address: int) -> None:
        self._link = ModbusLink(device)
        self._unit = device.unit
        self._area = area
        self._address = address
        self._what = f"{area} {address}"

    def open(self) -> None:
        """Connect; raises DeviceError."""
        self._link.open()

    def read(self) -> int:
        """The value now; raises DeviceError."""
        answer = self._link.ask(self._read, self._what)
        is_bit = self._area in ("coil", "discrete_input")
        return int(answer.bits[0] if is_bit else answer.registers[0])

    def write(self, value: int) -> None:
        """Set a coil or a holding register; raises DeviceError."""
        self._link.ask(lambda client: self._write(client, value), self._what)

    def close(self) -> None:
        """Disconnect."""
        self._link.close()

    def _read(self, client: ModbusTcpClient | ModbusSerialClient) -> ModbusPDU:
        read = {
            "coil": client.read_coils,
            "discrete_input": client.read_discrete_inputs,
            "holding_register": client.read_holding_registers,
            "input_register": client.read_input_registers,
        }[self._area]
        return read(self._address, count=1, device_id=self._unit)

    def _write(self, client: ModbusTcpClient | ModbusSerialClient, value: int) -> ModbusPDU:
        if self._area == "coil":
            return client.write_coil(self._address, bool(value), device_id=self._unit)
        return client.write_register(self._address, value, device_id=self._unit)


def read_words(link: ModbusLink, address: int, count: int) -> list[int]:
    """Holding registers; raises DeviceError."""
    answer = link.ask(
        lambda client: client.read_holding_registers(
            address, count=count, device_id=link.device.unit
        ),
        f"holding_register {address}",
    )
    return list(answer.registers)


def write_words(link: ModbusLink, address: int, words: Sequence[int]) -> None:
    """Set holding registers in one request; raises DeviceError."""
    link.ask(
        lambda client: client.write_registers(address, list(words), device_id=link.device.unit),
        f"holding_register {address}",
    )
