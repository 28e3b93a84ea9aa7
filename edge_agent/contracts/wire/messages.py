"""What the messages of a station have in common: JSON on the wire, one file of `kinds/` for each.

A new kind of message is one new file there: its class, derived from DurableMessage or
LatestMessage, and its row `STREAM`. Outbox, sender, collector, schemas and checks follow the row.
"""

from __future__ import annotations

import re
import time
from typing import Annotated, Literal

from pydantic import Field, field_serializer

from edge_agent.contracts.core.strict import Strict

REASON_CHARACTERS = 400
"""Longer reasons are cut, so that a verdict stays within its stream's budget."""

EVENT_ID = r"^[A-Za-z0-9_.-]{1,63}/[0-9]{1,40}/[0-9]{1,18}$"
"""station/epoch/seq; compare it as text: an epoch is longer than a number of 64 bits."""

EventId = Annotated[str, Field(pattern=EVENT_ID)]


class Message(Strict):
    """What every message of a station has; `kind` names its stream."""

    schema_version: Literal[1] = 1
    kind: str
    station: str
    at_ns: int = Field(ge=0, description="UTC, nanoseconds since 1970; the time that counts")
    at: str = Field(
        default="",
        pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z)?$",
        description="at_ns in ISO 8601, cut to microseconds",
    )

    @field_serializer("at", when_used="json")
    def _iso(self, _: str) -> str:
        return iso_time(self.at_ns)


class DurableMessage(Message):
    """A message that is numbered and kept until it is confirmed.

    event_id: station/epoch/seq, gap-free within an epoch. The outbox gives it: a message that has
    just been made has none.
    """

    event_id: str = Field(default="", pattern=EVENT_ID)
    historical: Literal[True] | None = Field(
        default=None, description="it waited on the station's disk for a connection"
    )


class LatestMessage(Message):
    """A message of which only the newest one of its kind counts: it is not kept on disk."""


class CheckMessage(Strict):
    """By this `lineside-agent check` tries the topics of a station; receivers ignore it."""

    schema_version: Literal[1] = 1
    kind: Literal["check"] = "check"
    station: str
    at_ns: int = Field(ge=0)
    nonce: str


LAST_S = 253_402_300_799
"""The last second of the year 9999, which is as far as ISO 8601 goes without agreement."""


def iso_time(at_ns: int) -> str:
    """UTC in ISO 8601 with microseconds, cut; empty beyond the year 9999."""
    seconds, rest_ns = divmod(at_ns, 1_000_000_000)
    if seconds > LAST_S:
        return ""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest_ns // 1000:06d}Z"


CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor, ends a line, or turns the direction of a text."""


def wire_text(text: str, limit: int = REASON_CHARACTERS) -> str:
    """`text` as every receiver and terminal can show it, cut to `limit`.

    Control characters, and bytes that are no UTF-8, are escaped. A file name that is not UTF-8
    reaches Python with lone surrogates, which JSON does not carry.
    """
    if text.isascii() and text.isprintable() and len(text) <= limit:
        return text  # nearly every id and reason, several times for each part
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    plain = CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), plain)
    return plain if len(plain) <= limit else f"{plain[: limit - 1]}…"
