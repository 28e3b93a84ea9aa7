"""Which records a question is about: since when, of which part, verdict, label or channel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError

UNITS_S = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
AGO = re.compile(r"^(\d+)\s*(s|min|m|h|d)$")


@dataclass(frozen=True)
class Selection:
    """None or empty: any. since_ns: UTC."""

    since_ns: int = 0
    part: str | None = None
    verdict: str | None = None
    label: str | None = None
    channel: str | None = None

    def fits(self, at_ns: int, part: str, verdict: str, labels: set[str], names: set[str]) -> bool:
        """Whether a part is meant: its time, verdict, and the labels and names of its channels."""
        return (
            at_ns >= self.since_ns
            and self.part in (None, part)
            and self.verdict in (None, verdict)
            and (self.label is None or self.label in labels)
            and (self.channel is None or self.channel in names)
        )


def parse_since(text: str, clock: Clock) -> int:
    """UTC ns of `30min`, `8h`, `7d` before now, or of an ISO date or time (UTC where none is said).

    Raises ConfigError.
    """
    ago = AGO.match(text.strip())
    if ago:
        return clock.utc_ns() - int(ago[1]) * UNITS_S[ago[2]] * 1_000_000_000
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is no time", where="--since", cure="write 8h, 7d or 2026-01-31T06:00"
        ) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000) * 1000
