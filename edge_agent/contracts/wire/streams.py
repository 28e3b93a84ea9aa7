"""The table of what goes over MQTT: topic, quality of service, retention, durability, budget."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from edge_agent.contracts.wire.messages import (
    GapMessage,
    HealthMessage,
    StateMessage,
    VerdictMessage,
)


@dataclass(frozen=True)
class Stream:
    """One kind of message. `durable` streams pass through the outbox and are never lost."""

    name: str
    message: type[BaseModel]
    qos: int
    retain: bool
    durable: bool
    max_bytes: int

    def topic(self, prefix: str, station: str) -> str:
        """`prefix/station/name`."""
        return f"{prefix}/{station}/{self.name}"


STREAMS = {
    stream.name: stream
    for stream in (
        Stream("verdict", VerdictMessage, qos=1, retain=False, durable=True, max_bytes=4096),
        Stream("gap", GapMessage, qos=1, retain=False, durable=True, max_bytes=1024),
        Stream("state", StateMessage, qos=1, retain=True, durable=False, max_bytes=2048),
        Stream("health", HealthMessage, qos=0, retain=True, durable=False, max_bytes=1024),
    )
}
"""Name -> stream."""
