"""The station's choice of a runtime beside those that anyone can take."""

from __future__ import annotations

from pathlib import Path

from benchmarks.rivals import Spent
from benchmarks.runtime_speed import REACH, best_rows, speed_rows
from tests import station_kit


def test_the_ratio_is_to_the_best_that_is_there() -> None:
    took = {"litert": 4.0, "openvino": 2.0, "litert-benchmark": 1.0}
    times = {name: Spent(9.0, cpu_ms) for name, cpu_ms in took.items()}
    (row,) = best_rows("net", "openvino_float", Spent(1.0, 3.0), times)
    assert row.name == "net, openvino_float over the best of litert, openvino (openvino)"
    assert (row.value, row.reach) == (1.5, REACH)
    assert best_rows("net", "litert", Spent(1.0, 3.0), {}) == []


def test_a_bundle_is_timed_in_the_runtime_that_a_station_would_choose(tmp_path: Path) -> None:
    bundle = station_kit.write_vibration_bundle(tmp_path / "a.bundle")
    time, ratio = speed_rows("loudness", bundle, 1)
    assert time.name.startswith("loudness, p5 in litert")
    assert 0 < time.value < 100
    assert "over the best of litert" in ratio.name
    assert 0.1 < ratio.value < 10
