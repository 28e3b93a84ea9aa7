"""Metrics for an OpenTelemetry collector, by OTLP over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edge_agent.contracts.core.cut_off import cut_after
from edge_agent.contracts.core.extras import OPENTELEMETRY, missing
from edge_agent.contracts.core.http_until import pool_classes
from edge_agent.contracts.wire.kinds.condition import ConditionMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.messaging.adapter import AdapterDriver, AdapterStation, AdapterTable, Delivery

if TYPE_CHECKING:
    import requests
    from opentelemetry.metrics import CallbackOptions, Observation

LOG = logging.getLogger("lineside.adapter")

END_MS = 2000
MOST_ANSWER_BYTES = 1 << 16
"""Of what a collector says about a push."""
STATES = ("disarmed", "armed", "stopping")


class OpenTelemetryTable(AdapterTable):
    """Counts, latencies, state and machine velocity, pushed every so often."""

    driver: Literal["opentelemetry"]
    endpoint: str = Field(
        default="http://127.0.0.1:4318/v1/metrics",
        pattern=r"^https?://\S+$",
        description="the collector's OTLP/HTTP address of metrics",
    )
    every_s: float = Field(default=15, ge=1, le=3600, description="between two pushes")
    timeout_s: float = Field(default=5, gt=0, le=60, description="longest wait for an answer")


class OpenTelemetryAdapter:
    """The instruments of one station; the library's own thread pushes them.

    What a collector that is away misses is in the next push: counters only grow.
    """

    def __init__(self, config: OpenTelemetryTable, station: AdapterStation) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
            from opentelemetry.sdk.resources import Resource
        except ImportError as error:
            raise missing(OPENTELEMETRY, "station.toml: adapter") from error
        self._cause = station.cause
        self._delivery: Callable[[], Delivery] = Delivery
        self._state = ""
        self._velocity: dict[str, float] = {}
        self._resource = Resource.create(
            {
                "service.name": "lineside-agent",
                "service.version": station.version,
                "service.instance.id": station.name,
            }
        )
        self._new_reader = lambda: PeriodicExportingMetricReader(
            OTLPMetricExporter(
                endpoint=config.endpoint,
                timeout=config.timeout_s,
                session=prompt_session(config.timeout_s),
            ),
            export_interval_millis=config.every_s * 1000,
            export_timeout_millis=config.timeout_s * 1000,
        )
        self._new_provider = MeterProvider
        self._provider: MeterProvider | None = None

    def open(self, delivery: Callable[[], Delivery]) -> None:
        """Begin to push; a collector that is away is no fault."""
        self._delivery = delivery
        reader = self._new_reader()  # type: ignore[no-untyped-call]  # it has no annotations
        provider = self._new_provider([reader], self._resource, shutdown_on_exit=False)
        meter = provider.get_meter("lineside")
        self._parts = meter.create_counter("lineside.parts", "{part}", "Parts decided")
        self._late = meter.create_counter(
            "lineside.late_fails", "{part}", "FAILs after their part was decided"
        )
        self._latency = meter.create_histogram("lineside.latency", "s", "Grab to verdict")
        meter.create_observable_gauge(
            "lineside.outbox", [self._waiting], "{message}", "Messages nobody confirmed yet"
        )
        meter.create_observable_gauge("lineside.state", [self._states], "1", "1: this is the state")
        meter.create_observable_gauge(
            "lineside.machine.velocity", [self._machines], "mm/s", "Worst axis, RMS, 10 to 1000 Hz"
        )
        self._provider = provider

    def publish(self, message: Outbound) -> None:
        """Count a message."""
        if self._provider is None:
            return
        if isinstance(message, StateMessage):
            self._state = message.state
        elif isinstance(message, ConditionMessage):
            if (velocity := message.rms_mm_s) is not None:
                self._velocity[message.channel] = velocity
        elif isinstance(message, VerdictMessage) and message.late_fail:
            self._late.add(1)
        elif isinstance(message, VerdictMessage):
            reason = message.reason or "; ".join(c.reason for c in message.channels if c.reason)
            labels = {
                "verdict": message.verdict.value,
                "reason": self._cause(message.verdict, reason),
            }
            self._parts.add(1, labels)
            self._latency.record(message.latency_ms / 1000)

    def close(self) -> None:
        """Push once more, for at most END_MS, and end; closing twice is fine."""
        provider, self._provider = self._provider, None
        if provider is not None:
            provider.shutdown(END_MS)

    def _waiting(self, _: CallbackOptions) -> Iterable[Observation]:
        from opentelemetry.metrics import Observation

        return [Observation(self._delivery().waiting)]

    def _states(self, _: CallbackOptions) -> Iterable[Observation]:
        from opentelemetry.metrics import Observation

        return [Observation(int(self._state == name), {"state": name}) for name in STATES]

    def _machines(self, _: CallbackOptions) -> Iterable[Observation]:
        from opentelemetry.metrics import Observation

        return [
            Observation(value, {"channel": name}) for name, value in self._velocity.copy().items()
        ]


def prompt_session(most_s: float) -> requests.Session:
    """The library's HTTP, whose answers end after `most_s` and have MOST_ANSWER_BYTES at most."""
    import requests
    from requests.adapters import HTTPAdapter

    class PromptSession(requests.Session):
        """Each request has connections of its own."""

        def send(self, request: Any, **given: Any) -> Any:
            with cut_after(most_s) as cut:
                for scheme in ("http://", "https://"):
                    adapter = HTTPAdapter()
                    adapter.poolmanager.pool_classes_by_scheme = pool_classes(cut)
                    self.mount(scheme, adapter)
                answer = super().send(request, **{**given, "stream": True})
                answer._content = answer.raw.read(MOST_ANSWER_BYTES)
                answer._content_consumed = True
                answer.close()
                if cut.is_over:
                    raise requests.Timeout(f"the answer takes more than {most_s:g} s")
                return answer

    return PromptSession()


DRIVER = AdapterDriver(OpenTelemetryTable, OpenTelemetryAdapter)
