"""What goes out besides verdicts: values against sums by hand, rates by the item's own time."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.station_load import BUDGETS
from edge_agent.contracts.core.clock import ManualClock, SystemClock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.types import ProcessRow, Reading, Verdict
from edge_agent.contracts.wire.budget import payload_of
from edge_agent.contracts.wire.kinds.condition import ConditionMessage
from edge_agent.contracts.wire.kinds.evidence import EvidenceMessage
from edge_agent.contracts.wire.kinds.metrics import MetricsMessage
from edge_agent.contracts.wire.kinds.part import PartMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.contracts.wire.observation import Observation
from edge_agent.contracts.wire.streams import STREAMS, Outbound
from edge_agent.evidence.record import EvidenceRecord
from edge_agent.health.board.heat import temperature_c
from edge_agent.messaging.config import TelemetryTable
from edge_agent.station.condition import Trend
from edge_agent.station.config import StationConfig
from edge_agent.station.telemetry import Telemetry
from tests.edge_agent.contracts.wire.samples import SAMPLES

RATE_HZ = 10_000
G = 9.80665


def config(folder: Path, **telemetry: float) -> StationConfig:
    source = {"driver": "replay", "path": str(folder), "axes": ["x"]}
    channel = {"name": "spindle", "kind": "vibration", "source": source}
    return StationConfig.model_validate(
        {
            "station": {"id": "test", "state_dir": str(folder)},
            "channel": [channel],
            "telemetry": telemetry,
        }
    )


def telemetry(folder: Path, **keys: float) -> tuple[Telemetry, list[Outbound]]:
    found: list[Outbound] = []
    made = Telemetry(config(folder, **keys), SystemClock())
    made.open(found.append, lambda: 7)
    return made, found


def verdict_of(channel: str) -> ChannelVerdict:
    return ChannelVerdict(channel=channel, bundle="", verdict=Verdict.PASS)


def tone(mono_s: float, peak_mm_s: float = 4.0, hz: float = 100.0) -> Observation:
    """A shake of 100 Hz by acceleration: its velocity has `peak_mm_s`."""
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    peak_g = peak_mm_s / 1000 * 2 * math.pi * hz / G
    signal = (peak_g * np.sin(2 * math.pi * hz * time_s)).astype(np.float32)[:, None]
    reading = Reading(signal, RATE_HZ, 5, round(mono_s * 1e9), 0, rpm=1500.0)
    return Observation("p", reading, verdict_of("spindle"))


def test_a_tone_has_the_velocity_and_zone_that_the_sum_says(tmp_path: Path) -> None:
    made, found = telemetry(tmp_path)
    made.observe(tone(0))
    message = found[0]
    assert isinstance(message, ConditionMessage)
    assert message.axes[0].rms_mm_s == pytest.approx(4.0 / math.sqrt(2), rel=0.01)
    assert (message.zone, message.rpm, message.captured_at_ns) == ("C", 1500.0, 5)
    assert message.axes[0].crest == pytest.approx(math.sqrt(2), rel=0.01)


@pytest.mark.parametrize(("every_s", "count"), [(1, 4), (2, 2), (0, 0)])
def test_a_machine_is_told_of_as_often_as_configured(
    tmp_path: Path, every_s: float, count: int
) -> None:
    made, found = telemetry(tmp_path, condition_every_s=every_s)
    for mono_s in (0.0, 0.5, 1.0, 2.0, 2.5, 3.01):
        made.observe(tone(mono_s))
    assert len(found) == count


def test_a_part_of_many_tags_fits_its_budget_and_counts_the_rest(tmp_path: Path) -> None:
    made, found = telemetry(tmp_path)
    tags = {f"tag-{k:04d}": "é" * 200 for k in range(100)}
    made.observe(Observation("p", ProcessRow(tags, 1, 2, 0), verdict_of("process")))
    message = found[0]
    assert isinstance(message, PartMessage)
    assert len(payload_of(message, f"test/{'9' * 25}/1")) <= STREAMS["part"].max_bytes
    assert message.left_out == 100 - len(message.values)


def test_health_brings_metrics_and_a_stop_ends_everything(tmp_path: Path) -> None:
    made, found = telemetry(tmp_path)
    health = SAMPLES["health"]
    made.publish(health)  # type: ignore[arg-type]
    metrics = found[0]
    assert isinstance(metrics, MetricsMessage)
    assert (metrics.outbox_waiting, metrics.confirmed) == (3, 7)
    assert metrics.rss_mb > 1
    made.publish(StateMessage(station="test", state="stopping", at_ns=1))
    made.observe(tone(10))
    assert len(found) == 1


def test_kept_evidence_is_named_by_its_hash(tmp_path: Path) -> None:
    made, found = telemetry(tmp_path)
    record = EvidenceRecord(
        part_id="p\n1", kind="image", cause="fail", sha256="0" * 64, file="a.png",
        captured_at_ns=3, verdict=verdict_of("top"),
    )  # fmt: skip
    made.keep(record)
    message = found[0]
    assert isinstance(message, EvidenceMessage)
    assert (message.sha256, message.part_id) == ("0" * 64, "p\\n1")


def test_an_outbox_that_is_closed_is_no_fault_of_a_channel(tmp_path: Path) -> None:
    made = Telemetry(config(tmp_path), SystemClock())

    def closed(_: Outbound) -> None:
        raise StorageError("not open", where="outbox")

    made.open(closed, lambda: 0)
    made.observe(tone(0))


def test_one_outlier_does_not_turn_a_trend() -> None:
    trend = Trend()
    values = [0.01 * minute for minute in range(30)]
    values[17] = 50.0
    slopes = [trend.add(60.0 * minute, value) for minute, value in enumerate(values)]
    assert slopes[:9] == [None] * 9
    assert slopes[-1] == pytest.approx(0.6, rel=0.02)


def test_the_hottest_zone_counts_and_a_sleeping_one_does_not(tmp_path: Path) -> None:
    for name, text in (("0", "41000"), ("1", "67500"), ("2", "asleep")):
        (tmp_path / f"thermal_zone{name}").mkdir()
        (tmp_path / f"thermal_zone{name}" / "temp").write_text(text)
    assert temperature_c(tmp_path) == 67.5
    assert temperature_c(tmp_path / "absent") is None
    assert json.loads(SAMPLES["metrics"].model_dump_json())["temp_c"] == 61.5


def test_a_worse_zone_is_told_at_once_and_a_better_one_in_its_turn(tmp_path: Path) -> None:
    made, found = telemetry(tmp_path, condition_every_s=15)
    for second in range(15):
        made.observe(tone(second, peak_mm_s=1.0 if second < 5 or second > 8 else 40.0))
    zones = [(m.zone, m.captured_at_ns) for m in found if isinstance(m, ConditionMessage)]
    assert [zone for zone, _ in zones] == ["A", "D"]
    made.observe(tone(15))
    assert len(found) == 3


def test_a_default_station_sends_at_most_twenty_messages_a_minute_beside_verdicts(
    tmp_path: Path,
) -> None:
    """A machine, a process channel with ten rows a second, health, and metrics: in ten minutes."""
    clock, found = ManualClock(), list[Outbound]()
    station = config(tmp_path)
    made = Telemetry(station, clock)
    made.open(found.append, lambda: 0)
    health = SAMPLES["health"]
    every_s, told = station.line.health_every_s, 0
    for second in range(600):
        made.observe(tone(second, hz=100.0))
        for k in range(10):
            at_ns = second * 1_000_000_000 + k * 100_000_000
            row = ProcessRow({"torque": 1.0}, 1, at_ns, k)
            made.observe(Observation("p", row, verdict_of("press")))
        if second % every_s == 0:
            made.publish(health)  # type: ignore[arg-type]
            told += 1
        clock.advance_s(1)
    kinds = Counter(type(message) for message in found)
    assert kinds[MetricsMessage] == 10
    assert kinds[ConditionMessage] == 40
    assert 40 <= kinds[PartMessage] <= 43
    assert (len(found) + told) / 10 <= BUDGETS["load: messages beside verdicts"][0] - 4


def test_the_intervals_are_those_of_the_table_of_streams() -> None:
    table = TelemetryTable()
    found = {
        "condition": table.condition_every_s,
        "part": table.part_every_s,
        "metrics": table.metrics_every_s,
    }
    assert found == {name: STREAMS[name].period_s for name in found}
