"""Messages as they arrive at a collector, and a plant's history with a known truth."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from deploy.history.arrivals import Arrival, EventKey
from deploy.history.collector import Collector
from deploy.history.store import HistoryStore
from deploy.history.subscriber import Broker
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.gap import GapMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import Action, VerdictMessage
from edge_agent.contracts.wire.messages import DurableMessage, LatestMessage
from edge_agent.contracts.wire.streams import Outbound
from tests.station_kit import HEALTH, verdict, wait_until

HOUR_NS = 3600 * 10**9
NOON_NS = 1_782_648_000 * 10**9
"""2026-06-28T12:00Z."""


def arrival(message: Outbound, received_ns: int = 0) -> Arrival:
    """A message as it arrives."""
    key = EventKey.of(message) if isinstance(message, DurableMessage) else None
    return Arrival(message, message.model_dump_json(exclude_none=True), received_ns, key)


def judged(
    seq: int,
    found: Verdict = Verdict.PASS,
    *,
    at_ns: int = NOON_NS,
    station: str = "test",
    epoch: int = 1,
    reason: str = "",
    action: Action | None = None,
) -> Arrival:
    """A verdict on part `p<seq>`; a FAIL of the channel `top` has the label `scratch`."""
    plain = verdict(f"{station}/{epoch}/{seq}", f"p{seq}")
    label = "scratch" if found == Verdict.FAIL else ""
    channel = plain.channels[0].model_copy(update={"verdict": found, "label": label})
    changed = {
        "station": station,
        "verdict": found,
        "at_ns": at_ns,
        "reason": reason,
        "action": action or ("accept" if found == Verdict.PASS else "reject"),
        "channels": [channel],
    }
    return arrival(plain.model_copy(update=changed))


def named_gap(seq: int, first: int, last: int, dropped: int, *, exact: bool = True) -> Arrival:
    """A gap of the station `test` in epoch 1; its own number is `seq`."""
    return arrival(
        GapMessage(
            station="test",
            at_ns=NOON_NS,
            event_id=f"test/1/{seq}",
            first_seq=first,
            last_seq=last,
            dropped=dropped,
            exact=exact,
            reason="disk full",
        )
    )


def hours_of(station: str, failed: list[int], parts: int = 100) -> list[VerdictMessage]:
    """`parts` verdicts in each hour from noon on, of which so many are FAIL."""
    found: list[VerdictMessage] = []
    for hour, count in enumerate(failed):
        for k in range(parts):
            one = judged(
                hour * parts + k,
                Verdict.FAIL if k < count else Verdict.PASS,
                at_ns=NOON_NS + hour * HOUR_NS + k * 10**9,
                station=station,
                reason="top: scratch" if k < count else "",
            ).message
            assert isinstance(one, VerdictMessage)
            found.append(one)
    return found


def seen(station: str, state: str = "armed", at_ns: int = NOON_NS) -> list[Arrival]:
    """State and health of a station."""
    said: list[LatestMessage] = [
        StateMessage.model_validate({"station": station, "at_ns": at_ns, "state": state}),
        HEALTH.model_copy(update={"station": station, "at_ns": at_ns, "outbox_waiting": 7}),
    ]
    return [arrival(one, at_ns) for one in said]


@contextlib.contextmanager
def collecting(broker: Broker, store: HistoryStore) -> Iterator[Collector]:
    """A collector at work in a thread of its own, subscribed, on a store that it opens."""
    stop = threading.Event()
    collector = Collector(broker, store, SystemClock())

    def run() -> None:
        with store:
            collector.run(stop)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert wait_until(lambda: collector.is_subscribed)
        yield collector
    finally:
        stop.set()
        thread.join(20)
