"""A PLC: pymodbus' own server with its simulated device, in a thread; TCP on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from dataclasses import dataclass, field
from importlib.util import find_spec

import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from benchmarks.brokers import free_port, wait_for_port


@dataclass
class Plc:
    """64 coils, discrete inputs, holding and input registers.

    written: (monotonic time, address, value) of every write request, as it came over the wire.
    """

    port: int = field(default_factory=free_port)
    written: list[tuple[float, int, int]] = field(default_factory=list)

    def start(self) -> Plc:
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._up.wait(10)
        wait_for_port(self.port)
        return self

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop).result(10)
        self._thread.join(10)

    def set_input(self, address: int, value: bool) -> None:
        """What the plant's wires do: a coil stands for the input, since no client can set one."""
        with ModbusTcpClient("127.0.0.1", port=self.port) as plant:
            plant.write_coil(address, value)

    def set_register(self, address: int, value: int) -> None:
        with ModbusTcpClient("127.0.0.1", port=self.port) as plant:
            plant.write_register(address, value)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        bits = [SimData(0, count=64, values=False, datatype=DataType.BITS)]
        words = [SimData(0, count=64, values=0, datatype=DataType.REGISTERS)]
        device = SimDevice(id=1, simdata=(bits, bits, words, words))
        self._server = ModbusTcpServer(
            device, address=("127.0.0.1", self.port), trace_pdu=self._trace
        )
        self._up.set()
        with contextlib.suppress(asyncio.CancelledError):
            await self._server.serve_forever()
        await asyncio.sleep(0.02)  # connections end, and waiting ones come, in later turns
        for connection in list(getattr(self._loop, "_transports", {}).values()):
            connection.abort()  # the server's shutdown leaves accepted ones open
        await asyncio.sleep(0.02)

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
