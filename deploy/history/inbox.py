"""Reads what arrives at a collector: whoever may publish to the topics may send anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pydantic import ValidationError

from deploy.history.arrivals import Arrival, EventKey
from edge_agent.contracts.wire.streams import STREAMS

if TYPE_CHECKING:
    from edge_agent.contracts.wire.messages import DurableMessage
    from edge_agent.contracts.wire.streams import Outbound

CHECK_KIND = b'"kind":"check"'


def read_arrival(topic: str, payload: bytes, received_ns: int) -> Arrival | None:
    """A message that is what its topic says; None for anything else, however strange it is."""
    _, station, name = topic.rsplit("/", 2)
    stream = STREAMS.get(name)
    if stream is None or stream.lane == "inbound":
        return None
    try:
        # Within a schema_version a newer station may say more than this collector knows.
        message = stream.message.model_validate_json(payload, extra="ignore")
    except ValidationError:
        return None
    if getattr(message, "station", None) != station:
        return None
    # No isinstance() here: with pydantic's classes it takes as long as the check of the message.
    sent = cast("Outbound", message)
    key = EventKey.of(cast("DurableMessage", message)) if stream.durable else None
    if key is not None and key.station != station:
        return None
    return Arrival(sent, payload.decode(), received_ns, key)


def is_check(payload: bytes) -> bool:
    """Whether this is the message by which `lineside-agent check` tries a topic."""
    return CHECK_KIND in payload[:200]
