"""What the collector stores: a message as it arrived, and its row in the table of its kind."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, cast

from edge_agent.contracts.wire.kinds.gap import GapMessage
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.streams import STREAMS, Outbound

TableRow: TypeAlias = tuple[object, ...]
"""The values of one table row, in the order of its columns."""

COLUMNS = {
    "verdict": (
        "event_id", "station", "at_ns", "part_id", "verdict", "action", "reason", "latency_ms",
        "payload",
    ),
    "gap": (
        "event_id", "station", "epoch", "at_ns", "first_seq", "last_seq", "dropped", "exact",
        "reason",
    ),
    "message": ("event_id", "kind", "station", "at_ns", "payload"),
    "sample": ("station", "kind", "at_ns", "received_ns", "payload"),
}  # fmt: skip
"""Table -> columns. `message`: durable kinds without a table of their own; `sample`: the others."""


class EventKey(NamedTuple):
    """An event id in its parts."""

    station: str
    epoch: str
    seq: int

    @classmethod
    def of(cls, message: DurableMessage) -> EventKey:
        """The parts of a message's event id."""
        station, epoch, seq = message.event_id.split("/")
        return cls(station, epoch, int(seq))


class Arrival(NamedTuple):
    """A message that was read and checked; `payload`: its JSON as it came.

    key: of a durable message; None for the others.
    """

    message: Outbound
    payload: str
    received_ns: int
    key: EventKey | None


def table_of(message: Outbound) -> str:
    """The table that a message goes to."""
    if message.kind in COLUMNS:
        return message.kind
    return "message" if STREAMS[message.kind].durable else "sample"


def row_of(arrival: Arrival) -> TableRow:
    """The row of a message in its table."""
    message, payload = arrival.message, arrival.payload
    if type(message) is VerdictMessage:
        return _verdict_row(message, payload)
    if type(message) is GapMessage:
        return _gap_row(message)
    if arrival.key is not None:
        event_id = cast("DurableMessage", message).event_id
        return event_id, message.kind, message.station, message.at_ns, payload
    return message.station, message.kind, message.at_ns, arrival.received_ns, payload


def _verdict_row(message: VerdictMessage, payload: str) -> TableRow:
    return (
        message.event_id,
        message.station,
        message.at_ns,
        message.part_id,
        str(message.verdict),
        message.action,
        message.reason,
        message.latency_ms,
        payload,
    )


def _gap_row(message: GapMessage) -> TableRow:
    return (
        message.event_id,
        message.station,
        EventKey.of(message).epoch,
        message.at_ns,
        message.first_seq,
        message.last_seq,
        message.dropped,
        int(message.exact),
        message.reason,
    )
