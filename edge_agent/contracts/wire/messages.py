"""The messages of a station on MQTT: one model for each kind, JSON on the wire.

`kind` names the row of the stream table (contracts/wire/streams) by which a message is sent.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Verdict

REASON_CHARACTERS = 400
"""Longer reasons are cut, so that a verdict stays within its stream's budget."""

EVENT_ID = r"^[A-Za-z0-9_.-]{1,63}/[0-9]{1,40}/[0-9]{1,18}$"
"""station/epoch/seq; compare it as text: an epoch is longer than a number of 64 bits."""

EventId = Annotated[str, Field(pattern=EVENT_ID)]

Action: TypeAlias = Literal["accept", "reject", "stop"]
"""The act of the line on a part."""


class DurableMessage(Strict):
    """A message that is numbered and kept until it is confirmed.

    event_id: station/epoch/seq, gap-free within an epoch. The outbox gives it: a message that has
    just been made has none.
    """

    schema_version: Literal[1] = 1
    station: str
    event_id: str = Field(default="", pattern=EVENT_ID)
    at_ns: int = Field(ge=0, description="UTC, nanoseconds since 1970")


class ChannelVerdict(Strict):
    """The verdict of one channel on a part."""

    channel: str
    bundle: str = Field(description="name and version")
    verdict: Verdict
    label: str = ""
    score: float | None = None
    threshold: float | None = None
    interval: tuple[float, float] | None = Field(
        default=None, description="low and high estimate of a value, whose score is itself"
    )
    reason: str = ""
    captured_at_ns: int | None = None
    latency_ms: float | None = Field(default=None, ge=0)


class VerdictMessage(DurableMessage):
    """The verdict on one part, fused over its channels."""

    kind: Literal["verdict"] = "verdict"
    part_id: str
    verdict: Verdict
    action: Action = Field(description="NO-VERDICT takes the station's safe action")
    reason: str = ""
    latency_ms: float = Field(ge=0, description="grab to verdict")
    deadline_ms: float = Field(gt=0)
    channels: list[ChannelVerdict] = Field(min_length=1)
    late_fail: Literal[True] | None = Field(
        default=None, description="the part was decided otherwise before this FAIL came"
    )
    channels_left_out: int | None = Field(
        default=None, ge=1, description="channels that the budget of the message had no room for"
    )


class StateMessage(Strict):
    """Retained: the state of the station. The broker publishes `offline` as its last will."""

    schema_version: Literal[1] = 1
    kind: Literal["state"] = "state"
    station: str
    state: Literal["armed", "disarmed", "stopping", "offline"]
    reason: str = ""
    at_ns: int = Field(ge=0)
    bundles: dict[str, str] = Field(default_factory=dict, description="channel -> name version")


class GapMessage(DurableMessage):
    """`dropped` messages between two sequence numbers of an epoch will never come, and why."""

    kind: Literal["gap"] = "gap"
    first_seq: int = Field(ge=0)
    last_seq: int = Field(ge=0)
    dropped: int = Field(ge=1)
    exact: bool = Field(default=True, description="false: `dropped` is an upper bound")
    reason: str


class HealthMessage(Strict):
    """Counts and conditions since the agent started."""

    schema_version: Literal[1] = 1
    kind: Literal["health"] = "health"
    station: str
    at_ns: int = Field(ge=0)
    parts: int = Field(ge=0)
    passed: int = Field(ge=0)
    failed: int = Field(ge=0)
    no_verdict: int = Field(ge=0)
    frames_dropped: int = Field(ge=0)
    grabbed: int = Field(default=0, ge=0, description="parts begun; grabbed - parts still wait")
    repeats: int = Field(
        default=0, ge=0, description="second items of a part, by a bounced trigger"
    )
    late_fails: int = Field(default=0, ge=0, description="FAILs after their part was decided")
    outbox_waiting: int = Field(ge=0)
    rss_mb: float = Field(ge=0)
    audit_head: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,18}:[0-9a-f]{64}$",
        description="number and digest of the audit log's last record; a log without it was cut",
    )


class CheckMessage(Strict):
    """By this `lineside-agent check` tries the topics of a station; receivers ignore it."""

    schema_version: Literal[1] = 1
    kind: Literal["check"] = "check"
    station: str
    at_ns: int = Field(ge=0)
    nonce: str


LatestMessage: TypeAlias = StateMessage | HealthMessage
"""Only the newest one of a kind counts: it is not kept on disk."""


class AckMessage(Strict):
    """To the station, on PREFIX/STATION/ack: the receiver has stored these verdicts and gaps."""

    schema_version: Literal[1] = 1
    kind: Literal["ack"] = "ack"
    event_ids: list[EventId] = Field(default_factory=list, max_length=10_000)
    through: list[EventId] = Field(
        default_factory=list,
        max_length=100,
        description="every message of that epoch up to this one is stored",
    )


CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor, ends a line, or turns the direction of a text."""


def wire_text(text: str, limit: int = REASON_CHARACTERS) -> str:
    """`text` as every receiver and terminal can show it, cut to `limit`.

    Control characters, and bytes that are no UTF-8, are escaped. A file name that is not UTF-8
    reaches Python with lone surrogates, which JSON does not carry.
    """
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    plain = CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), plain)
    return plain if len(plain) <= limit else f"{plain[: limit - 1]}…"
