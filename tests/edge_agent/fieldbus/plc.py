"""A PLC: pymodbus' own server with its simulated device, and what was written to it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib.util import find_spec

import pytest
from pymodbus.client import ModbusTcpClient

from benchmarks.brokers import free_port
from benchmarks.plc_memory import ModbusPlc


@dataclass
class Plc:
    """A simulated PLC with coils, discrete inputs, holding and input registers.

    written: (monotonic time, address, value) of every write request, as it came over the wire.
    """

    port: int = field(default_factory=free_port)
    written: list[tuple[float, int, int]] = field(default_factory=list)

    def start(self) -> Plc:
        self._server = ModbusPlc(self.port, self._trace)
        return self

    def stop(self) -> None:
        self._server.stop()

    def set_input(self, address: int, value: bool) -> None:
        """What the plant's wires do: a coil stands for the input, since no client can set one."""
        with ModbusTcpClient("127.0.0.1", port=self.port) as plant:
            plant.write_coil(address, value)

    def set_register(self, address: int, value: int) -> None:
        with ModbusTcpClient("127.0.0.1", port=self.port) as plant:
            plant.write_register(address, value)

    def _trace(self, sending: bool, pdu: object) -> object:
        if not sending and getattr(pdu, "function_code", 0) in (5, 6):
            bits, words = getattr(pdu, "bits", []), getattr(pdu, "registers", [])
            value = int((bits or words or [0])[0])
            self.written.append((time.monotonic(), pdu.address, value))  # type: ignore[attr-defined]
        return pdu


def skip_without_ethernet_ip() -> None:
    """Skip the test where the simulated PLC is not installed; it runs in a process of its own."""
    if find_spec("cpppo") is None:
        pytest.skip("EtherNet/IP: no simulated PLC (pip install cpppo)")
