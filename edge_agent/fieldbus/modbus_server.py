"""Holding registers that this station serves over Modbus TCP, one block to write and one to read.

Source: Modbus Application Protocol Specification V1.1b3, sections 6.3, 6.6 and 6.12.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import missing
from edge_agent.contracts.core.loop_end import end_connections
from edge_agent.fieldbus.modbus import PYMODBUS

if TYPE_CHECKING:
    from pymodbus.constants import ExcCodes

START_S = 5.0


class RegisterServer:
    """Serves two blocks in a thread of its own. Any thread may look and set.

    writable, readable: (first register, count) of what the client writes, and what it only reads.
    """

    def __init__(
        self,
        listen: str,
        port: int,
        *,
        writable: tuple[int, int],
        readable: tuple[int, int],
        clock: Clock,
    ) -> None:
        self.where = f"Modbus server {listen}:{port}"
        self._address = (listen, port)
        self._writable_at, self._readable_at = writable[0], readable[0]
        self._written = [0] * writable[1]
        self._shown = [0] * readable[1]
        self._clock = clock
        self._asked_ns: int | None = None
        self._lock = threading.Lock()
        self._started = threading.Event()
        self._fault = ""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    def start(self) -> None:
        """Begin to serve; raises DeviceError."""
        if self._thread is not None and self._thread.is_alive():
            return
        try:
            import pymodbus.server  # noqa: F401
        except ImportError as error:
            raise missing(PYMODBUS, self.where) from error
        self._started.clear()
        self._fault = ""
        self._thread = threading.Thread(target=self._run, name="modbus-server", daemon=True)
        self._thread.start()
        if not self._started.wait(START_S) or self._fault:
            self.stop()
            raise DeviceError(
                f"cannot be opened ({self._fault or 'no answer'})",
                where=self.where,
                cure="another program has the port, or a port below 1024 needs a right",
            )

    def stop(self) -> None:
        """Serve no more."""
        thread, self._thread = self._thread, None
        loop, end = self._loop, self._end
        if loop is not None and end is not None and not loop.is_closed():
            loop.call_soon_threadsafe(end.set)
        if thread is not None:
            thread.join(START_S)

    def written(self) -> tuple[list[int], float]:
        """What the client wrote, and the seconds since its last request (infinite: none yet)."""
        with self._lock:
            asked_ns = self._asked_ns
            words = list(self._written)
        if asked_ns is None:
            return words, float("inf")
        return words, (self._clock.mono_ns() - asked_ns) / 1e9

    def forget(self) -> None:
        """Set what the client wrote to 0."""
        with self._lock:
            self._written = [0] * len(self._written)

    def shown(self) -> list[int]:
        """What the client reads."""
        with self._lock:
            return list(self._shown)

    def show(self, first: int, words: Sequence[int]) -> None:
        """Set what the client reads, from that word on."""
        with self._lock:
            self._shown[first : first + len(words)] = words

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except (OSError, RuntimeError) as error:
            self._fault = str(error)
        self._started.set()

    async def _serve(self) -> None:
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        last = max(self._writable_at + len(self._written), self._readable_at + len(self._shown))
        words = SimData(0, count=last, values=0, datatype=DataType.REGISTERS)
        # Unit id 0 stands for every one: a PLC may ask with any.
        device = SimDevice(id=0, simdata=[words], action=self._act)
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = ModbusTcpServer(device, address=self._address)
        await server.serve_forever(background=True)
        self._started.set()
        await self._end.wait()
        await server.shutdown()  # type: ignore[no-untyped-call]
        await end_connections()

    async def _act(
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[Any] | None,
    ) -> ExcCodes | None:
        """A request came: take what it writes, or lay out what it reads."""
        from pymodbus.constants import ExcCodes

        del function, start
        with self._lock:
            if values is not None:
                begin = address - self._writable_at
                if begin < 0 or begin + count > len(self._written):
                    return ExcCodes.ILLEGAL_ADDRESS
                self._written[begin : begin + count] = [int(value) for value in values]
            registers[self._readable_at : self._readable_at + len(self._shown)] = self._shown
            self._asked_ns = self._clock.mono_ns()
        return None
