"""How one kind of message travels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

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
        return topic_of(self.name, prefix, station)


def topic_of(name: str, prefix: str, station: str) -> str:
    """`prefix/station/name`."""
    return f"{prefix}/{station}/{name}"
