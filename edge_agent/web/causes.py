"""From a verdict to the key of the plain words that an operator reads."""

from __future__ import annotations

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage

STOPPED = "stopped by "
"""Begins the reason of a part that came while passing was stopped."""

CAUSES = (
    (STOPPED, "stopped"),
    ("stale", "late"),
    ("late", "late"),
    ("no verdict within the deadline", "late"),
    ("no verdict before the agent ended", "ended"),
    ("unfamiliar", "unfamiliar"),
    ("unlike", "unfamiliar"),
    ("unsure", "unsure"),
    ("between", "unsure"),
    ("fault", "fault"),
    ("the queue", "late"),
    ("dropped", "late"),
    ("dark", "camera"),
    ("bright", "camera"),
    ("frozen", "camera"),
    ("blur", "camera"),
    ("frame", "camera"),
    ("lens", "camera"),
    ("camera", "camera"),
    ("sensor", "sensor"),
    ("tag", "sensor"),
)
"""Words of a reason, the first that is found counts."""


def cause_of(message: VerdictMessage) -> str:
    """`good`, `defect`, or why there is no verdict; `other` where no word is known."""
    if message.verdict == Verdict.PASS:
        return "good"
    if message.verdict == Verdict.FAIL:
        return "defect"
    reason = reason_of(message).lower()
    return next((cause for word, cause in CAUSES if word in reason), "other")


def label_of(message: VerdictMessage) -> str:
    """The label of the channel that decided."""
    deciding = [c for c in message.channels if c.verdict == message.verdict] or message.channels
    return next((channel.label for channel in deciding if channel.label), "")


def reason_of(message: VerdictMessage) -> str:
    """The station's own words: of the part, else of its channels."""
    if message.reason:
        return message.reason
    return "; ".join(c.reason for c in message.channels if c.reason)
