"""A bar code or DataMatrix reader on a serial line (RS-232, USB): one code is one line."""

from __future__ import annotations

import select
from collections import deque
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import PYSERIAL, Library
from edge_agent.fieldbus.serial_port import open_port
from edge_agent.trigger.trigger import TriggerDriver, TriggerEvent, TriggerStatus, TriggerTable

if TYPE_CHECKING:
    import serial

MOST_CHARACTERS = 1000
ABSENT = "plug it in, correct `device`, join the group dialout"
FRAMING = "\x02\x03\r\n \t"
"""What readers put around a code: STX, ETX, line ends."""


class BarCodeTable(TriggerTable):
    """Codes as a reader sends them, each ended by CR, LF or both."""

    driver: Literal["bar_code"]
    device: str = Field(
        min_length=1, description="serial line such as /dev/serial/by-id/...; /dev/ttyUSB0"
    )
    baud: int = Field(default=9600, ge=300, le=1_000_000, description="speed of the line")
    no_read: str = Field(
        default="NOREAD",
        max_length=100,
        description="what the reader sends where it could read nothing: the part has no code",
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (PYSERIAL,)


class CodeLines:
    """Cuts the bytes of a reader into codes. A longer line than any code is given up to its end."""

    def __init__(self) -> None:
        self.damaged = 0
        self._waiting = b""
        self._skipping = False

    def feed(self, payload: bytes) -> list[str]:
        """The codes that `payload` completes; empty lines between CR and LF are none."""
        *lines, self._waiting = (self._waiting + payload).replace(b"\r", b"\n").split(b"\n")
        codes = []
        for line in lines:
            if self._skipping:
                self._skipping = False
                continue
            code = line.decode("utf-8", "replace").strip(FRAMING)
            if code:
                codes.append(code[:MOST_CHARACTERS])
        if len(self._waiting) > MOST_CHARACTERS:
            self.damaged += not self._skipping
            self._skipping, self._waiting = True, b""
        return codes


class BarCodeTrigger:
    """Gives an event for each code, with the moment at which its end arrived."""

    def __init__(self, config: BarCodeTable, *, name: str, clock: Clock) -> None:
        self._config = config
        self._name = name
        self._clock = clock
        self._line: serial.Serial | None = None
        self._codes = CodeLines()
        self._waiting: deque[TriggerEvent] = deque()
        self._seq = self._no_reads = 0
        self._fault = ""

    def open(self) -> None:
        """Open and set the line; what was read before is no part."""
        self.close()
        try:
            self._line = open_port(self._config.device, self._config.baud, cure=ABSENT)
        except DeviceError as error:
            self._fault = error.what
            raise
        self._codes, self._fault = CodeLines(), ""
        self._waiting.clear()

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next code, or None; raises DeviceError when the line is gone."""
        if self._line is None:
            raise self._error("is not open")
        if not self._waiting:
            self._read(self._line, timeout_s)
        return self._waiting.popleft() if self._waiting else None

    def status(self) -> TriggerStatus:
        """Codes, and parts whose code the reader could not read."""
        return TriggerStatus(self._seq, self._no_reads, self._codes.damaged, self._fault)

    def close(self) -> None:
        """Release the line."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _read(self, line: serial.Serial, timeout_s: float) -> None:
        try:
            ready, _, _ = select.select([line], [], [], timeout_s)
            payload = line.read(max(1, line.in_waiting)) if ready else b""
        except OSError as error:
            raise self._error(f"is gone ({error})") from error
        if ready and not payload:
            raise self._error("is gone (it has hung up)")
        now_ns = self._clock.mono_ns()
        for code in self._codes.feed(payload):
            if code == self._config.no_read:
                self._no_reads += 1
                continue
            self._waiting.append(TriggerEvent(now_ns, self._seq, code))
            self._seq += 1

    def _error(self, what: str) -> DeviceError:
        self._fault = what
        return DeviceError(what, where=self._config.device, cure=ABSENT)


DRIVER = TriggerDriver(BarCodeTable, BarCodeTrigger, names_parts=True)
