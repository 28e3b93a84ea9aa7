"""Reads what arrives at a collector: whoever may publish to the topics may send anything."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from deploy.history.arrivals import Arrival
from edge_agent.contracts.wire.messages import DurableMessage, LatestMessage
from edge_agent.contracts.wire.streams import STREAMS

SENT = (DurableMessage, LatestMessage)
CHECK_KIND = b'"kind":"check"'


def read_arrival(topic: str, payload: bytes, received_ns: int) -> Arrival | None:
    """A message that is what its topic says; None for anything else, however strange it is."""
    _, station, name = topic.rsplit("/", 2)
    stream = STREAMS.get(name)
    if stream is None:
        return None
    try:
        message: BaseModel = stream.message.model_validate_json(payload)
    except ValidationError:
        return None
    if not isinstance(message, SENT) or message.station != station:
        return None
    arrival = Arrival.of(message, payload.decode(), received_ns)
    return None if arrival.key is not None and arrival.key.station != station else arrival


def is_check(payload: bytes) -> bool:
    """Whether this is the message by which `lineside-agent check` tries a topic."""
    return CHECK_KIND in payload[:200]
