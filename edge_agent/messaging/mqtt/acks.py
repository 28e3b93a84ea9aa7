"""Reads confirmations of receivers. Whoever may publish to the topic may send anything to it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from edge_agent.contracts.wire.kinds.ack import AckMessage
from edge_agent.contracts.wire.streams import STREAMS

CHECK_KIND = b'"kind":"check"'

Key = tuple[str, int]
"""(epoch, seq)."""


@dataclass(frozen=True)
class Ack:
    """What a receiver stored: single messages, and all of an epoch up to a number."""

    keys: list[Key]
    through: list[Key]


def read_ack(payload: bytes, station: str) -> Ack | None:
    """The confirmation in a payload; None for anything else, however long or strange it is."""
    if len(payload) > STREAMS["ack"].max_bytes or CHECK_KIND in payload[:200]:
        return None
    try:
        message = AckMessage.model_validate_json(payload)
    except ValidationError:
        return None
    return Ack(_keys(message.event_ids, station), _keys(message.through, station))


def is_check(payload: bytes) -> bool:
    """Whether this is the message by which `lineside-agent check` tries the topic."""
    return len(payload) < 1024 and CHECK_KIND in payload


def _keys(event_ids: list[str], station: str) -> list[Key]:
    """The keys of this station's events; the pattern of an event id bounds both numbers."""
    parts = (event_id.split("/") for event_id in event_ids)
    return [(epoch, int(seq)) for name, epoch, seq in parts if name == station]
