from __future__ import annotations

import numpy as np
import pytest

from edge_agent.capture.camera.simulated import SimulatedCameraTable
from edge_agent.capture.drivers import build_source
from edge_agent.capture.source import EndOfSource
from edge_agent.capture.vibration.simulated import SimulatedSensorTable
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.types import Frame, Reading
from edge_agent.simulator import motor, scene


def camera(**options: float) -> SimulatedCameraTable:
    return SimulatedCameraTable(driver="simulated", width_px=160, height_px=120, **options)


def test_camera_gives_the_parts_of_its_line_and_ends() -> None:
    config = camera(seed=5, parts=3, start=40, defect_rate=0.5)
    source = build_source("image", config, name="top", clock=ManualClock())
    source.open()
    frames = [source.next(0.1) for _ in range(3)]
    for seq, frame in enumerate(frames):
        assert isinstance(frame, Frame)
        assert (frame.seq, frame.part_id, frame.source) == (seq, f"sim-5-{40 + seq}", "top")
        assert np.array_equal(frame.image, scene.render(5, 40 + seq, 160, 120, 0.5))
    with pytest.raises(EndOfSource):
        source.next(0.1)
    source.close()
    source.close()


def test_sensor_gives_the_readings_of_its_bench_and_ends() -> None:
    config = SimulatedSensorTable(
        driver="simulated", seed=6, parts=2, duration_s=0.2, defect_rate=0.8
    )
    source = build_source("vibration", config, name="motor", clock=ManualClock())
    source.open()
    for k in range(2):
        reading = source.next(0.1)
        assert isinstance(reading, Reading)
        assert reading.part_id == f"sim-6-{k}"
        assert reading.rate_hz == 12000
        assert np.array_equal(reading.signal, motor.vibration(6, k, 0.2, 12000, 0.8))
    with pytest.raises(EndOfSource):
        source.next(0.1)


def test_the_bench_has_the_faults_that_are_asked_for() -> None:
    table = SimulatedSensorTable(
        driver="simulated", defect_rate=1.0, duration_s=0.1, faults=["unbalance"]
    )
    reading = build_source("vibration", table, name="motor", clock=ManualClock()).next(0.1)
    assert isinstance(reading, Reading)
    run = motor.trial(1, 0, 1.0, ["unbalance"])
    assert run.label == "unbalance"
    np.testing.assert_array_equal(reading.signal, motor.record(run, 1200, 12000.0))


def test_closed_line_goes_on_where_it_stopped() -> None:
    source = build_source("image", camera(seed=1), name="top", clock=ManualClock())
    source.open()
    source.next(0.1)
    source.close()
    source.open()
    assert source.next(0.1).part_id == "sim-1-1"


def test_paced_line_keeps_its_rate_and_is_live() -> None:
    clock = ManualClock()
    source = build_source("image", camera(rate_hz=4), name="top", clock=clock)
    assert source.live
    source.open()
    times = []
    while len(times) < 5:
        frame = source.next(0.1)
        if frame is not None:
            times.append(frame.mono_ns)
    assert np.diff(times) == pytest.approx([0.25e9] * 4)


def test_unpaced_line_is_read_as_fast_as_the_station_works() -> None:
    assert not build_source("image", camera(), name="top", clock=ManualClock()).live
