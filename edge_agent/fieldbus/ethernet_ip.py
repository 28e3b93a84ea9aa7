"""Tags of an Allen-Bradley PLC over EtherNet/IP (CIP explicit messages)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import Field

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import Library, missing
from edge_agent.fieldbus.prompt_answer import PromptAnswer
from edge_agent.settings.toml import Table

if TYPE_CHECKING:
    from pylogix import PLC

PYLOGIX = Library("pylogix", "pylogix", "ethernet-ip")
HEADER_BYTES = 24
TagType: TypeAlias = Literal["BOOL", "SINT", "INT", "DINT"]
CODES: dict[TagType, int] = {"BOOL": 0xC1, "SINT": 0xC2, "INT": 0xC3, "DINT": 0xC4}
"""Source: The CIP Networks Library, volume 1, appendix C-6.1."""
VALUES: dict[TagType, int] = {"BOOL": 0, "SINT": 1 << 8, "INT": 1 << 16, "DINT": 1 << 32}
"""After so many steps a counter begins again; a BOOL is none. Numbers are read as 0 and above."""


class EthernetIpDevice(Table):
    """Where an EtherNet/IP PLC is."""

    host: str = Field(min_length=1, description="name or address of the PLC")
    port: int = Field(default=44818, ge=1, le=65535, description="TCP port")
    slot: int = Field(default=0, ge=0, le=31, description="slot of the CPU in its chassis")
    micro800: bool = Field(default=False, description="a Micro800: it has no chassis")
    timeout_s: float = Field(
        default=0.2, gt=0, le=10, description="longest wait for an answer; then the device is lost"
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (PYLOGIX,)

    @property
    def where(self) -> str:
        """What messages call the PLC."""
        return f"EtherNet/IP {self.host}:{self.port}, slot {self.slot}"


class EthernetIpPointTable(EthernetIpDevice):
    """An EtherNet/IP PLC and one tag in it."""

    tag: str = Field(
        min_length=1, description="name of the tag: Reject, Program:Main.Reject, Words[3]"
    )
    type: TagType = Field(default="BOOL", description="type of the tag")


class EthernetIpLink:
    """A connection to a PLC. Used by one thread at a time; connects again when it was lost."""

    def __init__(self, device: EthernetIpDevice) -> None:
        self.where = device.where
        self._device = device
        self._plc: PLC | None = None

    def open(self) -> None:
        """Make ready; the first request connects. Raises DeviceError."""
        self.close()
        device = self._device
        try:
            from pylogix import PLC
        except ImportError as error:
            raise missing(PYLOGIX, device.where) from error
        plc = PLC(
            device.host, device.slot, device.timeout_s, Micro800=device.micro800, port=device.port
        )
        plc.conn.receive_data = lambda: _answer(plc.conn.Socket, device.timeout_s)
        self._plc = plc

    def read(self, tag: str, kind: TagType, count: int = 1) -> list[int]:
        """Values of a tag, or of an array from the named element on; raises DeviceError."""
        value = self._ask(lambda plc: plc.Read(tag, count, CODES[kind]), tag)
        return [int(one) for one in (value if isinstance(value, list) else [value])]

    def write(self, tag: str, kind: TagType, values: list[int]) -> None:
        """Set a tag, or elements of an array from the named one on; raises DeviceError."""
        what = values if len(values) > 1 else values[0]
        self._ask(lambda plc: plc.Write(tag, what, CODES[kind]), tag)

    def close(self) -> None:
        """Disconnect."""
        plc, self._plc = self._plc, None
        if plc is not None:
            plc.Close()
            # The library leaves both to the garbage collector.
            for end in (plc.conn.Socket, plc.conn.msg_socket):
                end.close()

    def _ask(self, request: Callable[[PLC], Any], tag: str) -> Any:
        if self._plc is None:
            self.open()
        if self._plc is None:
            raise DeviceError("not open", where=self.where, cure="open it first")
        try:
            answer = request(self._plc)
            value, status = answer.Value, str(answer.Status)
        except (OSError, struct.error, LookupError, TypeError, ValueError) as error:
            # The library raises what its parser meets in half an answer.
            value, status = None, f"{type(error).__name__}: {error}"
        if status == "Success":
            return value
        is_there = status in REFUSALS
        if not is_there:
            self.close()
        raise DeviceError(
            f"refuses {tag} ({status})" if is_there else f"does not answer ({status})",
            where=self.where,
            cure="correct the tag, its type or its external access"
            if is_there
            else "check the PLC and the network; it is tried again",
        )


def _answer(link: socket.socket, most_s: float) -> bytes | None:
    """As pylogix's own, which waits anew for each piece; None: the PLC is lost.

    Source: The CIP Networks Library, volume 2, chapter 2-3.1 (a header of 24 bytes, the length of
    what follows at 2).
    """
    answer = PromptAnswer(link, most_s)
    try:
        head = answer.exactly(HEADER_BYTES)
        return head + answer.exactly(struct.unpack_from("<H", head, 2)[0])
    except OSError:
        return None


REFUSALS = (
    "Path segment error",
    "Path destination unknown",
    "Privilege violation",
    "Data type mismatch",
    "Invalid attribute",
    "Object does not exist",
)
"""Status texts of a PLC that is there and does not have what is asked for."""


class EthernetIpPoint:
    """One tag. Used by one thread at a time; connects again when it was lost."""

    def __init__(self, config: EthernetIpPointTable) -> None:
        self._link = EthernetIpLink(config)
        self._tag = config.tag
        self._type: TagType = config.type

    def open(self) -> None:
        """Connect; raises DeviceError."""
        self._link.open()
        try:
            self.read()
        except DeviceError:
            self._link.close()
            raise

    def read(self) -> int:
        """The value now; raises DeviceError."""
        value = self._link.read(self._tag, self._type)[0]
        return value % VALUES[self._type] if self._type != "BOOL" else int(bool(value))

    def write(self, value: int) -> None:
        """Set it; raises DeviceError."""
        values = VALUES[self._type]
        signed = value - values if values and value >= values // 2 else value
        self._link.write(self._tag, self._type, [signed])

    def close(self) -> None:
        """Disconnect."""
        self._link.close()
