"""What a collector gets, decoded by OpenTelemetry's own protobuf."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from urllib3.exceptions import HTTPError

from benchmarks.brokers import free_port
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.messaging.adapter import Delivery
from edge_agent.messaging.adapters.opentelemetry import (
    OpenTelemetryAdapter,
    OpenTelemetryTable,
    prompt_session,
)
from tests.dripping import HTTP, Drip, dripping
from tests.edge_agent.contracts.wire.samples import SAMPLES
from tests.edge_agent.messaging.adapter_kit import decided, station


class Collector(ThreadingHTTPServer):
    def __init__(self) -> None:
        self.requests: list[Any] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.requests.append(ExportMetricsServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


def adapter(port: int) -> OpenTelemetryAdapter:
    endpoint = f"http://127.0.0.1:{port}/v1/metrics"
    table = OpenTelemetryTable(driver="opentelemetry", endpoint=endpoint, timeout_s=1)
    return OpenTelemetryAdapter(table, station())


def points(request: Any) -> dict[str, dict[tuple[str, ...], Any]]:
    """Metric -> values of the labels -> point."""
    found: dict[str, dict[tuple[str, ...], Any]] = {}
    for metric in request.resource_metrics[0].scope_metrics[0].metrics:
        data = getattr(metric, metric.WhichOneof("data"))
        found[metric.name] = {
            tuple(sorted(a.value.string_value for a in point.attributes)): point
            for point in data.data_points
        }
    return found


def test_counts_latencies_and_state_reach_a_collector() -> None:
    with collecting() as server:
        one = adapter(server.server_address[1])
        one.open(lambda: Delivery(waiting=12))
        one.publish(StateMessage(station="test", state="armed", at_ns=1))
        one.publish(SAMPLES["condition"])  # type: ignore[arg-type]
        for verdict in (Verdict.PASS, Verdict.PASS, Verdict.FAIL):
            one.publish(decided(verdict, latency_ms=30))
        one.publish(decided(Verdict.FAIL, late_fail=True))
        one.close()
        one.close()
    found = points(server.requests[-1])
    assert found["lineside.parts"]["PASS", "good"].as_int == 2
    assert found["lineside.parts"]["FAIL", "defect"].as_int == 1
    assert found["lineside.late_fails"][()].as_int == 1
    assert found["lineside.outbox"][()].as_int == 12
    assert found["lineside.state"][("armed",)].as_int == 1
    assert found["lineside.machine.velocity"][("spindle",)].as_double == 3.2
    latency = found["lineside.latency"][()]
    assert (latency.count, round(latency.sum, 3)) == (3, 0.09)
    resource = {
        a.key: a.value.string_value
        for a in server.requests[-1].resource_metrics[0].resource.attributes
    }
    assert resource["service.instance.id"] == "test"


def test_a_collector_that_is_away_holds_nothing_up() -> None:
    one = adapter(free_port())
    one.open(Delivery)
    one.publish(decided(Verdict.PASS))
    one.close()


@pytest.mark.parametrize("drip", HTTP.values(), ids=HTTP)
def test_a_collector_that_drips_its_answer_holds_no_push_up(drip: Drip) -> None:
    began = time.monotonic()
    with dripping(drip) as port, pytest.raises((requests.RequestException, OSError, HTTPError)):
        prompt_session(0.3).post(f"http://127.0.0.1:{port}/v1/metrics", data=b"x", timeout=60)
    assert time.monotonic() - began < 30


def test_of_an_answer_without_an_end_a_little_is_read() -> None:
    drip = Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + bytes(1 << 20))
    with dripping(drip) as port:
        answer = prompt_session(10).post(f"http://127.0.0.1:{port}/", data=b"x", timeout=60)
    assert (answer.status_code, len(answer.content)) == (200, 1 << 16)
