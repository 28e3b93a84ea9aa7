"""The station's messages as metrics of Prometheus: counters, a histogram, gauges."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Metric,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.health import HealthMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.messaging.adapter import AdapterStation, Delivery

LATENCY_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the histogram's buckets; a line's deadline is mostly 50 ms to 1 s."""
STATES = ["disarmed", "armed", "stopping"]
MOST_REASONS = 100
"""Reasons of channel verdicts that have a series of their own; the rest are `other`.

Labels come from bundles: a bundle with a thousand of them must not fill the memory of Prometheus.
"""
FROM_HEALTH = {
    "frames_dropped": "Items that a full queue or a source dropped.",
    "repeats": "Second items of a part, by a bounced trigger.",
    "items_missed": "Triggers after which a channel took nothing in its window.",
    "items_stale": "Items that were taken before the trigger they came after.",
    "items_double": "Second items in one trigger's window.",
    "items_untriggered": "Items without a trigger.",
    "triggers_double": "Triggers too close to be two parts.",
    "late_at_gate": "Decisions that came when the part was at the gate already.",
    "went_through": "Bad parts among them, let through.",
    "unobserved": "Items that evidence or the page were too slow to look at.",
    "evidence_lost": "Items worth keeping that a slow or full disk did not take.",
}
"""Counts of the health message that are metrics, with their help texts."""


class Metrics:
    """Takes messages; `registry` gives the metrics of one moment. Any thread may call it."""

    def __init__(self, station: AdapterStation) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
        self.registry = CollectorRegistry()
        self._cause = station.cause
        self._reasons: set[str] = set()
        self._at_scrape = _AtScrape()
        self.registry.register(self._at_scrape)
        self._parts = Counter(
            "lineside_parts", "Parts decided.", ["verdict", "reason"], registry=self.registry
        )
        self._channels = Counter(
            "lineside_channel_verdicts",
            "Verdicts of the channels on decided parts.",
            ["channel", "verdict", "reason"],
            registry=self.registry,
        )
        self._late_fails = Counter(
            "lineside_late_fails",
            "FAILs after their part was decided.",
            registry=self.registry,
        )
        self._latency = Histogram(
            "lineside_latency_seconds",
            "Grab to verdict of a part.",
            buckets=LATENCY_S,
            registry=self.registry,
        )
        self._deadline = Gauge(
            "lineside_deadline_seconds", "Time for a verdict.", registry=self.registry
        )
        self._state = Enum(
            "lineside_state", "State of the station.", states=STATES, registry=self.registry
        )
        info = Info("lineside_station", "Which station this is.", registry=self.registry)
        info.info({"station": station.name, "version": station.version})
        for verdict in (Verdict.PASS, Verdict.FAIL):  # a rate needs the 0 before the first part
            self._parts.labels(verdict.value, self._cause(verdict, ""))

    def read_delivery(self, delivery: Callable[[], Delivery]) -> None:
        """Ask `delivery` at each scrape."""
        self._at_scrape.delivery = delivery

    def publish(self, message: Outbound) -> None:
        """Take a message of the station."""
        if isinstance(message, VerdictMessage):
            self._take_verdict(message)
        elif isinstance(message, StateMessage) and message.state in STATES:
            self._state.state(message.state)
        elif isinstance(message, HealthMessage):
            self._at_scrape.health = message

    def _take_verdict(self, message: VerdictMessage) -> None:
        if message.late_fail:
            self._late_fails.inc()
            return
        reason = message.reason or "; ".join(c.reason for c in message.channels if c.reason)
        self._parts.labels(message.verdict.value, self._cause(message.verdict, reason)).inc()
        self._latency.observe(message.latency_ms / 1e3)
        self._deadline.set(message.deadline_ms / 1e3)
        for one in message.channels:
            self._channels.labels(one.channel, one.verdict.value, self._reason(one)).inc()

    def _reason(self, verdict: ChannelVerdict) -> str:
        """The label of a defect, else the cause."""
        if verdict.verdict != Verdict.FAIL or not verdict.label:
            return self._cause(verdict.verdict, verdict.reason)
        if len(self._reasons) < MOST_REASONS:
            self._reasons.add(verdict.label)
        return verdict.label if verdict.label in self._reasons else "other"


class _AtScrape(Collector):
    """What is asked for, or copied from the last health message, at each scrape."""

    def __init__(self) -> None:
        self.delivery: Callable[[], Delivery] = Delivery
        self.health: HealthMessage | None = None

    def collect(self) -> Iterator[Metric]:
        delivery, health = self.delivery(), self.health
        yield GaugeMetricFamily(
            "lineside_outbox_messages", "Messages nobody confirmed yet.", delivery.waiting
        )
        yield CounterMetricFamily(
            "lineside_messages_confirmed",
            "Messages that broker or receiver confirmed.",
            delivery.confirmed,
        )
        if health is None:
            return
        for name, text in FROM_HEALTH.items():
            yield CounterMetricFamily(f"lineside_{name}", text, getattr(health, name))
        yield GaugeMetricFamily(
            "lineside_resident_memory_bytes", "Memory of the agent.", health.rss_mb * (1 << 20)
        )
