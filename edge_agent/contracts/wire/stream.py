"""How one kind of message travels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

Lane = Literal["results", "telemetry", "latest", "inbound"]
"""results: through the outbox, never lost, sent first. telemetry: through the outbox, after the
results; thinned when the outbox has no room. latest: only the newest one counts, not kept on disk.
inbound: from a receiver to the station."""


@dataclass(frozen=True)
class Stream:
    """One kind of message; its topic is PREFIX/STATION/NAME.

    when: a message goes out, in words. max_bytes: the budget of a payload. stale_after_s: older
    than this, a receiver should not take the newest message for the present; 0: a message stays
    true. period_s: one source sends at most one message in so many seconds; 0: one for each event.
    """

    name: str
    message: type[BaseModel]
    lane: Lane
    qos: int
    retain: bool
    max_bytes: int
    when: str
    stale_after_s: float = 0
    period_s: float = 0
    version: int = 1

    @property
    def durable(self) -> bool:
        """Whether its messages pass through the outbox."""
        return self.lane in ("results", "telemetry")

    def topic(self, prefix: str, station: str) -> str:
        """`prefix/station/name`."""
        return topic_of(self.name, prefix, station)


def topic_of(name: str, prefix: str, station: str) -> str:
    """`prefix/station/name`."""
    return f"{prefix}/{station}/{name}"
