"""The table of everything that goes over MQTT: one row for each kind of message.

The code, the JSON Schemas, the documentation and the tests walk this table. A new kind of message
is its class in contracts/wire/messages and its row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from edge_agent.contracts.wire.messages import (
    AckMessage,
    DurableMessage,
    GapMessage,
    HealthMessage,
    LatestMessage,
    StateMessage,
    VerdictMessage,
)

Lane = Literal["durable", "latest", "inbound"]
"""durable: through the outbox, never lost. latest: only the newest one counts, not kept on disk.
inbound: from a receiver to the station."""


@dataclass(frozen=True)
class Stream:
    """One kind of message; its topic is PREFIX/STATION/NAME.

    max_bytes: the budget of a payload. stale_after_s: older than this, a receiver should not take
    the newest message for the present; 0: a message stays true.
    """

    name: str
    message: type[BaseModel]
    lane: Lane
    qos: int
    retain: bool
    max_bytes: int
    stale_after_s: float = 0
    version: int = 1

    @property
    def durable(self) -> bool:
        """Whether its messages pass through the outbox."""
        return self.lane == "durable"

    def topic(self, prefix: str, station: str) -> str:
        """`prefix/station/name`."""
        return f"{prefix}/{station}/{self.name}"


STREAMS = {
    stream.name: stream
    for stream in (
        Stream("verdict", VerdictMessage, "durable", qos=1, retain=False, max_bytes=4096),
        Stream("gap", GapMessage, "durable", qos=1, retain=False, max_bytes=1024),
        Stream("state", StateMessage, "latest", qos=1, retain=True, max_bytes=16384),
        Stream(
            "health",
            HealthMessage,
            "latest",
            qos=0,
            retain=True,
            max_bytes=1024,
            stale_after_s=60,
        ),
        Stream("ack", AckMessage, "inbound", qos=1, retain=False, max_bytes=1 << 20),
    )
}
"""Name -> stream."""

OUTBOUND = {name: stream for name, stream in STREAMS.items() if stream.lane != "inbound"}
"""The streams that a station publishes."""

Outbound = DurableMessage | LatestMessage
"""A message that a station publishes."""


def stream_of(message: BaseModel) -> Stream:
    """The row of a message; raises KeyError for a class that has none."""
    return BY_CLASS[type(message)]


BY_CLASS = {stream.message: stream for stream in STREAMS.values()}
"""Message class -> stream."""
