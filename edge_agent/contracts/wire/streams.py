"""The table of everything that goes over MQTT: the row `STREAM` of each file of `kinds/`.

The code, the JSON Schemas, the documentation and the tests walk this table.
"""

from __future__ import annotations

from pydantic import BaseModel

from edge_agent.contracts.core.registry import Registry
from edge_agent.contracts.wire.messages import DurableMessage, LatestMessage
from edge_agent.contracts.wire.stream import Stream

KINDS = Registry(
    "edge_agent.contracts.wire.kinds", Stream, noun="kind of message", attribute="STREAM"
)

STREAMS = {stream.name: stream for stream in KINDS.rows().values()}
"""Name -> stream."""

Outbound = DurableMessage | LatestMessage
"""A message that a station publishes."""


def outbound() -> dict[str, Stream]:
    """The streams that a station publishes."""
    return {name: stream for name, stream in STREAMS.items() if stream.lane != "inbound"}


def stream_of(message: BaseModel) -> Stream:
    """The row of a message; raises KeyError for a kind that has none."""
    return STREAMS[getattr(message, "kind", "")]
