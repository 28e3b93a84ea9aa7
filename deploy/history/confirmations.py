"""What a collector tells stations after a commit: everything up to a number, and single messages
above it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from deploy.history.arrivals import EventKey
from deploy.history.ledger import Epoch
from edge_agent.contracts.wire.kinds.ack import AckMessage

EPOCHS_MAX, EVENTS_MAX = 100, 10_000
"""What one ack holds at most."""


def confirmations(
    keys: Iterable[EventKey], through: Mapping[Epoch, int]
) -> Iterator[tuple[str, AckMessage]]:
    """(station, ack) for the stored messages `keys`.

    through: for each epoch the number up to which nothing is missing, -1 where the first is.
    """
    ends: defaultdict[str, list[str]] = defaultdict(list)
    single: defaultdict[str, list[str]] = defaultdict(list)
    keys = list(keys)
    for station, epoch in sorted({(key.station, key.epoch) for key in keys}):
        last = through.get((station, epoch), -1)
        if last >= 0:
            ends[station].append(f"{station}/{epoch}/{last}")
    for key in keys:
        if key.seq > through.get((key.station, key.epoch), -1):
            single[key.station].append(f"{key.station}/{key.epoch}/{key.seq}")
    for station in sorted({*ends, *single}):
        yield from ((station, ack) for ack in _acks(ends[station], single[station]))


def _acks(through: list[str], event_ids: list[str]) -> Iterator[AckMessage]:
    """As many acks as their bounds ask for."""
    while through or event_ids:
        yield AckMessage(event_ids=event_ids[:EVENTS_MAX], through=through[:EPOCHS_MAX])
        through, event_ids = through[EPOCHS_MAX:], event_ids[EVENTS_MAX:]
