"""The payload of a message, which fits the budget of its stream by construction.

A broker refuses what is larger than its limit. So a message with many channels, or with long texts,
is shortened here: texts first, then the channels that decided least. Verdict, action, event id and
the counts are never touched.
"""

from __future__ import annotations

import hashlib

from pydantic import BaseModel

from edge_agent.contracts.wire.kinds.state import MeasuredRuntime, StateMessage
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.contracts.wire.streams import stream_of

TEXTS = (200, 80, 30, 0)
"""Characters that are left of every reason, label and name, one step after the other."""
PART_ID_CHARACTERS = 80
WEIGHT = {"FAIL": 0, "NO-VERDICT": 1, "PASS": 2}


def payload_of(message: BaseModel, event_id: str = "") -> bytes:
    """The JSON of a message, with its event id; raises ValueError for what JSON cannot carry."""
    budget = stream_of(message).max_bytes
    payload = _dump(message, event_id)
    if len(payload) > budget and isinstance(message, VerdictMessage):
        return _fit_verdict(message, event_id, budget)
    if len(payload) > budget and isinstance(message, StateMessage):
        return _fit_state(message, budget)
    return payload


def _dump(message: BaseModel, event_id: str) -> bytes:
    payload = message.model_dump_json(exclude_none=True).encode()
    if event_id:
        # The first match is the field: in a value every quote has a backslash before it.
        payload = payload.replace(b'"event_id":""', f'"event_id":"{event_id}"'.encode(), 1)
    return payload


def _fit_verdict(message: VerdictMessage, event_id: str, budget: int) -> bytes:
    message = message.model_copy(update={"part_id": _short_id(message.part_id)})
    for characters in TEXTS:
        message = message.model_copy(
            update={
                "reason": cut(message.reason, max(characters, 20)),
                "channels": [_short(channel, characters) for channel in message.channels],
            }
        )
        payload = _dump(message, event_id)
        if len(payload) <= budget:
            return payload
    channels = sorted(message.channels, key=lambda channel: WEIGHT[str(channel.verdict)])
    # One channel with short texts always fits; the most that fit are found by halving.
    fits, too_many = 1, len(channels)
    while too_many - fits > 1:
        half = (fits + too_many) // 2
        if len(_with_channels(message, event_id, channels, half)) <= budget:
            fits = half
        else:
            too_many = half
    return _with_channels(message, event_id, channels, fits)


def _with_channels(
    message: VerdictMessage, event_id: str, channels: list[ChannelVerdict], count: int
) -> bytes:
    update = {"channels": channels[:count], "channels_left_out": len(channels) - count or None}
    return _dump(message.model_copy(update=update), event_id)


def _fit_state(message: StateMessage, budget: int) -> bytes:
    for characters in TEXTS:
        runtimes = {
            name: one.model_copy(
                update={"measured": [_short_refusal(row, characters) for row in one.measured]}
            )
            for name, one in message.runtimes.items()
        }
        message = message.model_copy(
            update={"reason": cut(message.reason, characters), "runtimes": runtimes}
        )
        payload = _dump(message, "")
        if len(payload) <= budget:
            return payload
    for without in ("runtimes", "bundles"):
        message = message.model_copy(update={without: {}})
        payload = _dump(message, "")
        if len(payload) <= budget:
            break
    return payload


def _short_refusal(row: MeasuredRuntime, characters: int) -> MeasuredRuntime:
    """That it was refused stays to be seen."""
    return row.model_copy(update={"refused": cut(row.refused, max(characters, 1))})


def _short(channel: ChannelVerdict, characters: int) -> ChannelVerdict:
    return channel.model_copy(
        update={
            "reason": cut(channel.reason, characters),
            "label": cut(channel.label, max(characters, 30)),
            "bundle": cut(channel.bundle, max(characters, 60)),
        }
    )


def _short_id(part_id: str) -> str:
    """A long part id as its beginning and a hash, which still tells two parts apart."""
    if len(part_id.encode()) <= PART_ID_CHARACTERS:
        return part_id
    digest = hashlib.sha256(part_id.encode()).hexdigest()[:16]
    return f"{part_id[: PART_ID_CHARACTERS // 2]}…{digest}"


def cut(text: str, limit: int) -> str:
    """`text`, or its first characters and an ellipsis: `limit` characters in all."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - 1]}…" if limit else ""
