"""Memory of a Siemens S7 PLC: words of a data block, and single bits, bytes and words.

Protocol: ISO on TCP (RFC 1006). An S7-1200 or S7-1500 answers when "PUT/GET communication from
remote partner" is permitted, and a data block when its "optimized block access" is off.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pydantic import Field, field_validator

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import Library, missing
from edge_agent.fieldbus.prompt_answer import PromptAnswer
from edge_agent.settings.toml import Table

if TYPE_CHECKING:
    from snap7.client import Client

Answer = TypeVar("Answer")

SNAP7 = Library("python-snap7", "snap7", "s7")
ADDRESS = re.compile(
    r"(?:DB(?P<db>\d+)\.DB(?P<kind>[XBW])|(?P<area>[MQI])(?P<size>[BW]?))(?P<byte>\d+)"
    r"(?:\.(?P<bit>[0-7]))?"
)
AREAS = {"M": "MK", "Q": "PA", "I": "PE"}


class S7Device(Table):
    """Where an S7 PLC is."""

    host: str = Field(min_length=1, description="name or address of the PLC")
    port: int = Field(default=102, ge=1, le=65535, description="TCP port")
    rack: int = Field(default=0, ge=0, le=7, description="rack of the CPU")
    slot: int = Field(
        default=1, ge=0, le=31, description="slot of the CPU: 1 for S7-1200/1500, 2 for S7-300"
    )
    timeout_s: float = Field(
        default=0.2, gt=0, le=10, description="longest wait for an answer; then the device is lost"
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (SNAP7,)

    @property
    def where(self) -> str:
        """What messages call the PLC."""
        return f"S7 {self.host}:{self.port}, rack {self.rack}, slot {self.slot}"


class S7PointTable(S7Device):
    """An S7 PLC and one address in it."""

    address: str = Field(
        description="as the PLC's engineer writes it: DB10.DBX0.0, DB10.DBB2, DB10.DBW4, M0.0, "
        "MB2, MW4, Q0.0, I0.0"
    )

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        found = ADDRESS.fullmatch(address)
        kind = "" if found is None else found["kind"] or found["size"] or "X"
        if found is None or (kind == "X") != (found["bit"] is not None):
            raise ValueError(f"{address!r} is none of DB10.DBX0.0, DB10.DBW4, M0.0, MW4, Q0.0")
        return address


class S7Link:
    """A connection to a PLC. Used by one thread at a time; connects again when it was lost."""

    def __init__(self, device: S7Device) -> None:
        self.where = device.where
        self._device = device
        self._client: Client | None = None

    def open(self) -> None:
        """Connect; raises DeviceError."""
        self.close()
        device = self._device
        try:
            from snap7.client import Client
            from snap7.error import S7Error
        except ImportError as error:
            raise missing(SNAP7, device.where) from error
        # It logs each connection; what fails is told by our own error.
        logging.getLogger("snap7").setLevel(logging.CRITICAL)
        client = Client()
        try:
            _connect(client, device)
        except (OSError, S7Error) as error:
            client.disconnect()
            raise DeviceError(
                f"cannot be reached ({error})",
                where=device.where,
                cure="start the PLC, permit PUT/GET access, or correct host, rack or slot",
            ) from error
        self._client = client

    def ask(self, request: Callable[[Client], Answer], what: str) -> Answer:
        """The answer to a request; raises DeviceError. what: the address in words."""
        from snap7.error import S7Error, S7ProtocolError

        if self._client is None:
            self.open()
        if self._client is None:
            raise DeviceError("not open", where=self.where, cure="open it first")
        try:
            return request(self._client)
        except S7ProtocolError as error:
            raise DeviceError(
                f"refuses {what} ({error})",
                where=self.where,
                cure="correct the address, and switch off the block's optimized access",
            ) from error
        except (OSError, S7Error) as error:
            self.close()
            raise DeviceError(
                f"does not answer ({error})",
                where=self.where,
                cure="check the PLC and the network; it is tried again",
            ) from error

    def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()


def _connect(client: Client, device: S7Device) -> None:
    """As client.connect(), which would wait 5 s for each answer of a silent PLC."""
    from snap7.connection import ISOTCPConnection

    class PromptConnection(ISOTCPConnection):
        """Its pieces of an answer are whole in time, or the PLC is lost."""

        def _recv_exact(self, size: int) -> bytes:
            if self.socket is None:
                raise ConnectionError("not open")
            return PromptAnswer(self.socket, self.timeout).exactly(size)

    tsap = client.connection_type << 8 | device.rack << 5 | device.slot
    client.connection = PromptConnection(
        host=device.host, port=device.port, local_tsap=client.local_tsap, remote_tsap=tsap
    )
    client.connection.connect(device.timeout_s)
    client._setup_communication()
    client.connected = True


class S7Point:
    """One bit, byte or word. Used by one thread at a time; connects again when it was lost."""

    def __init__(self, config: S7PointTable) -> None:
        self._link = S7Link(config)
        self._what = config.address
        found = ADDRESS.fullmatch(config.address)
        if found is None:
            raise ValueError(config.address)
        self._db = int(found["db"] or 0)
        self._area = "DB" if found["db"] else AREAS[found["area"]]
        self._byte = int(found["byte"])
        self._bit = None if found["bit"] is None else int(found["bit"])
        self._bytes = 2 if "W" in (found["kind"], found["size"]) else 1

    @property
    def values(self) -> int:
        """After so many steps a counter there begins again; 0: it is a bit."""
        return 0 if self._bit is not None else 1 << 8 * self._bytes

    def open(self) -> None:
        """Connect; raises DeviceError."""
        self._link.open()

    def read(self) -> int:
        """The value now; raises DeviceError."""
        from snap7.type import Area

        area = Area[self._area]
        raw = self._link.ask(
            lambda client: client.read_area(area, self._db, self._byte, self._bytes), self._what
        )
        value = int.from_bytes(raw, "big")
        return value if self._bit is None else value >> self._bit & 1

    def write(self, value: int) -> None:
        """Set it, a bit alone without its neighbours; raises DeviceError."""
        from snap7.type import Area, WordLen

        area = Area[self._area]
        if self._bit is None and value >= self.values:
            cure = "give the word's address (W), or smaller values"
            raise DeviceError(
                f"{value} does not fit {self._what}", where=self._link.where, cure=cure
            )
        if self._bit is None:
            raw = bytearray(value.to_bytes(self._bytes, "big"))
            self._link.ask(lambda c: c.write_area(area, self._db, self._byte, raw), self._what)
        else:
            at, bit = 8 * self._byte + self._bit, bytearray([bool(value)])
            self._link.ask(lambda c: c.write_area(area, self._db, at, bit, WordLen.Bit), self._what)

    def close(self) -> None:
        """Disconnect."""
        self._link.close()
