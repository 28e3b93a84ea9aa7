"""From a verdict to the key of the plain words that an operator reads."""

from __future__ import annotations

from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.decide.causes import cause


def cause_of(message: VerdictMessage) -> str:
    """`good`, `defect`, or why there is no verdict; `other` where no word is known."""
    return cause(message.verdict, reason_of(message))


def label_of(message: VerdictMessage) -> str:
    """The label of the channel that decided."""
    deciding = [c for c in message.channels if c.verdict == message.verdict] or message.channels
    return next((channel.label for channel in deciding if channel.label), "")


def reason_of(message: VerdictMessage) -> str:
    """The station's own words: of the part, else of its channels."""
    if message.reason:
        return message.reason
    return "; ".join(c.reason for c in message.channels if c.reason)
