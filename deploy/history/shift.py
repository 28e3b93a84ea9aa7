"""A shift: from when to when, in the plant's time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge_agent.contracts.core.errors import ConfigError

HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Shift:
    """begin belongs to it, end does not; both know their zone."""

    begin: datetime
    end: datetime

    @property
    def begin_ns(self) -> int:
        """UTC, nanoseconds since 1970."""
        return int(self.begin.timestamp()) * 10**9

    @property
    def end_ns(self) -> int:
        """UTC, nanoseconds since 1970."""
        return int(self.end.timestamp()) * 10**9

    @property
    def title(self) -> str:
        """Day and hours as people say them."""
        return f"{self.begin:%Y-%m-%d %H:%M} to {self.end:%H:%M} ({self.begin.tzname()})"


def shift_of(hours: str, day: date, zone: tzinfo) -> Shift:
    """hours: `06:00-14:00`; one that ends at or before its begin ends on the next day.

    Raises ConfigError.
    """
    found = HOURS.fullmatch(hours)
    if found is None:
        cure = "write it as 06:00-14:00"
        raise ConfigError(f"{hours!r} is no shift", where="--shift", cure=cure)
    first, last = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    next_day = day + timedelta(days=1) if last <= first else day
    return Shift(
        datetime.combine(day, first, tzinfo=zone), datetime.combine(next_day, last, tzinfo=zone)
    )


def zone_of(name: str) -> tzinfo:
    """The time zone of a name such as Europe/Berlin; raises ConfigError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        cure = "use a name such as Europe/Berlin or UTC"
        raise ConfigError(f"no time zone is called {name!r}", where="--zone", cure=cure) from error
