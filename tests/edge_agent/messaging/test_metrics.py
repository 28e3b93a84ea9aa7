"""What Prometheus's own parser reads from the metrics of a station's messages."""

from __future__ import annotations

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.messaging.adapter import Delivery
from edge_agent.messaging.metrics import MOST_REASONS, Metrics
from tests.edge_agent.messaging.adapter_kit import decided, station
from tests.station_kit import HEALTH

Series = dict[tuple[str, tuple[str, ...]], float]


def read(metrics: Metrics) -> Series:
    """(name, label values in the order of their names) -> value."""
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, tuple(sample.labels[key] for key in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_parts_are_counted_by_verdict_and_reason() -> None:
    metrics = Metrics(station())
    for message in (
        decided(Verdict.PASS),
        decided(Verdict.PASS),
        decided(Verdict.FAIL, label="scratch"),
        decided(Verdict.NO_VERDICT, reason="the frame is dark"),
    ):
        metrics.publish(message)
    found = read(metrics)
    parts = {
        labels: value for (name, labels), value in found.items() if name.endswith("parts_total")
    }
    assert parts == {("good", "PASS"): 2, ("defect", "FAIL"): 1, ("camera", "NO-VERDICT"): 1}
    channels = {k[1]: v for k, v in found.items() if k[0] == "lineside_channel_verdicts_total"}
    assert channels == {
        ("top", "good", "PASS"): 2,
        ("top", "scratch", "FAIL"): 1,
        ("top", "camera", "NO-VERDICT"): 1,
    }


def test_counters_are_there_before_the_first_part() -> None:
    found = read(Metrics(station()))
    assert found["lineside_parts_total", ("good", "PASS")] == 0
    assert found["lineside_parts_total", ("defect", "FAIL")] == 0
    assert found["lineside_station_info", ("test", "1.2.3")] == 1
    assert not [name for name, _ in found if name.endswith("_created")]


def test_latencies_fall_into_buckets_of_seconds() -> None:
    metrics = Metrics(station())
    for latency_ms in (4, 30, 30, 9000):
        metrics.publish(decided(Verdict.PASS, latency_ms=latency_ms))
    found = read(metrics)
    assert found["lineside_latency_seconds_bucket", ("0.005",)] == 1
    assert found["lineside_latency_seconds_bucket", ("0.05",)] == 3
    assert found["lineside_latency_seconds_bucket", ("+Inf",)] == 4
    assert found["lineside_deadline_seconds", ()] == 0.2


def test_late_fail_is_no_second_part() -> None:
    metrics = Metrics(station())
    metrics.publish(decided(Verdict.PASS))
    metrics.publish(decided(Verdict.FAIL, label="scratch", late_fail=True))
    found = read(metrics)
    assert found["lineside_late_fails_total", ()] == 1
    assert found["lineside_parts_total", ("defect", "FAIL")] == 0
    assert found["lineside_latency_seconds_count", ()] == 1


def test_exactly_one_state_is_set() -> None:
    metrics = Metrics(station())
    metrics.publish(StateMessage(station="test", at_ns=1, state="armed"))
    states = {key[1]: value for key, value in read(metrics).items() if key[0] == "lineside_state"}
    assert states == {("armed",): 1, ("disarmed",): 0, ("stopping",): 0}


def test_delivery_is_that_of_the_scrape_and_counts_that_of_the_last_health() -> None:
    metrics = Metrics(station())
    metrics.read_delivery(lambda: Delivery(waiting=7, confirmed=41))
    metrics.publish(HEALTH.model_copy(update={"frames_dropped": 5, "rss_mb": 2}))
    found = read(metrics)
    assert found["lineside_outbox_messages", ()] == 7
    assert found["lineside_messages_confirmed_total", ()] == 41
    assert found["lineside_frames_dropped_total", ()] == 5
    assert found["lineside_resident_memory_bytes", ()] == 2 << 20


def test_thousand_labels_do_not_make_a_thousand_series() -> None:
    metrics = Metrics(station())
    for number in range(1000):
        metrics.publish(decided(Verdict.FAIL, label=f"defect {number}"))
    found = read(metrics)
    channels = {k[1]: v for k, v in found.items() if k[0] == "lineside_channel_verdicts_total"}
    assert len(channels) == MOST_REASONS + 1
    assert channels["top", "other", "FAIL"] == 1000 - MOST_REASONS


def test_label_of_any_text_is_read_back_as_it_was() -> None:
    metrics = Metrics(station())
    label = 'half "open"\\ \n} 1\nlineside_state 7'
    metrics.publish(decided(Verdict.FAIL, label=label))
    found = read(metrics)
    assert found["lineside_channel_verdicts_total", ("top", label, "FAIL")] == 1
    assert ("lineside_state", ()) not in found
