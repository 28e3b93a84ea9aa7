"""Simulated PLCs as a station meets them: the memory of each, served by its protocol's own server.

The PLC's program looks into the memory from its own side, by other code than the station's.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from benchmarks.brokers import wait_for_port
from edge_agent.contracts.core.loop_end import end_connections

COMMAND_WORDS = 3
STATUS_WORDS = 14
STATUS_AT = 100
"""Where the status block begins: holding register, or byte of the data block."""
BLOCK = 10
WORDS = 256


class PlcMemory(Protocol):
    """The two blocks from the PLC's side."""

    def read_status(self) -> list[int]:
        """What the station wrote."""

    def write_command(self, words: Sequence[int]) -> None:
        """What the station reads."""

    def stop(self) -> None:
        """Stop the server."""


class ModbusPlc:
    """pymodbus' server in a thread: 64 coils and discrete inputs, 256 holding and input registers.

    trace: is shown every request and answer (sending, pdu), and gives it back.
    """

    def __init__(self, port: int, trace: Callable[[bool, Any], Any] | None = None) -> None:
        self._port = port
        self._trace = trace
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._up.wait(10)
        wait_for_port(port)

    def stop(self) -> None:
        """Stop the server."""
        asyncio.run_coroutine_threadsafe(
            self._server.shutdown(),  # type: ignore[no-untyped-call]
            self._loop,
        ).result(10)
        self._thread.join(10)

    async def _serve(self) -> None:
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        bits = [SimData(0, count=64, values=False, datatype=DataType.BITS)]
        words = [SimData(0, count=WORDS, values=0, datatype=DataType.REGISTERS)]
        device = SimDevice(id=1, simdata=(bits, bits, words, words))
        self._loop = asyncio.get_running_loop()
        self._server = ModbusTcpServer(
            device, address=("127.0.0.1", self._port), trace_pdu=self._trace
        )
        self._up.set()
        with contextlib.suppress(asyncio.CancelledError):
            await self._server.serve_forever()
        await end_connections()


class ModbusMemory:
    """The holding registers of a ModbusPlc, through a client of the PLC's own."""

    def __init__(self, port: int) -> None:
        self._plc = ModbusPlc(port)
        from pymodbus.client import ModbusTcpClient

        self._client = ModbusTcpClient("127.0.0.1", port=port)
        self._client.connect()  # type: ignore[no-untyped-call]

    def read_status(self) -> list[int]:
        """What the station wrote."""
        answer = self._client.read_holding_registers(STATUS_AT, count=STATUS_WORDS)
        return list(answer.registers)

    def write_command(self, words: Sequence[int]) -> None:
        """What the station reads."""
        self._client.write_registers(0, list(words))

    def stop(self) -> None:
        """Stop the server."""
        self._client.close()  # type: ignore[no-untyped-call]
        self._plc.stop()


class S7Memory:
    """python-snap7's server, 512 bytes of DB10; the program looks into the bytes themselves."""

    def __init__(self, port: int) -> None:
        from snap7.server import Server
        from snap7.type import SrvArea

        self.block = bytearray(2 * WORDS)
        self._server = Server(log=False)
        self._server.register_area(SrvArea.DB, BLOCK, self.block)
        self._server.start(tcp_port=port)

    def read_status(self) -> list[int]:
        """What the station wrote."""
        return list(struct.unpack_from(f">{STATUS_WORDS}H", self.block, STATUS_AT))

    def write_command(self, words: Sequence[int]) -> None:
        """What the station reads."""
        struct.pack_into(f">{len(words)}H", self.block, 0, *words)

    def stop(self) -> None:
        """Stop the server."""
        self._server.stop()


class EthernetIpMemory:
    """cpppo's server in a process of its own; the program is a client of it.

    tags: further ones, such as `Reject=BOOL`.
    """

    def __init__(self, port: int, *tags: str) -> None:
        from pylogix import PLC

        blocks = (f"LinesideCommand=INT[{COMMAND_WORDS}]", f"LinesideStatus=INT[{STATUS_WORDS}]")
        words = ["-m", "cpppo.server.enip", "-a", f"127.0.0.1:{port}", *blocks, *tags]
        self.process = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_port(port)
        self._plc: Any = PLC("127.0.0.1", port=port, timeout=2.0)

    def read_status(self) -> list[int]:
        """What the station wrote."""
        answer = self._plc.Read("LinesideStatus[0]", STATUS_WORDS, 0xC3)
        return [value & 0xFFFF for value in answer.Value or [0] * STATUS_WORDS]

    def write_command(self, words: Sequence[int]) -> None:
        """What the station reads."""
        signed = struct.unpack(f"<{len(words)}h", struct.pack(f"<{len(words)}H", *words))
        self._plc.Write("LinesideCommand[0]", list(signed), 0xC3)

    def stop(self) -> None:
        """Stop the server."""
        self._plc.Close()
        for end in (self._plc.conn.Socket, self._plc.conn.msg_socket):
            end.close()
        self.process.kill()
        self.process.wait(10)


MEMORIES: dict[str, Callable[[int], PlcMemory]] = {
    "modbus": ModbusMemory,
    "s7": S7Memory,
    "ethernet_ip": EthernetIpMemory,
}
