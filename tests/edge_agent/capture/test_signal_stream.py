"""A stream of samples: its true rate, gaps, clipping, silence; nothing is smoothed over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_agent.capture.sample_clock import SampleClock
from edge_agent.capture.signal_stream import SampleBlock, SampleDevice, StreamSensor, StreamTable
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Reading, Unreadable
from tests.edge_agent.capture.signal_kit import ScriptedDevice, blocks_of

RAMP = np.arange(8000, dtype=np.float32).reshape(-1, 1) / 8000


def sensor(device: SampleDevice, clock: ManualClock | None = None, **keys: object) -> StreamSensor:
    table = {"axes": ["x"], "rate_hz": 1000, "window_s": 0.5, "driver": "x"} | keys
    config = StreamTable.model_validate(table)
    clock = clock or ManualClock(mono_ns=20 * 10**9)
    return StreamSensor(device, config, name="m", clock=clock)


def items(source: StreamSensor, most: int = 400) -> list[Reading | Unreadable]:
    source.open()
    found = [source.next(0.1) for _ in range(most)]
    return [item for item in found if item is not None]


@pytest.mark.parametrize("true_hz", [552.0, 999.3, 1000.0, 26667.0])
def test_the_regression_finds_the_rate_through_jitter(true_hz: float) -> None:
    rng, clock = np.random.default_rng(1), SampleClock()
    step = round(true_hz / 50)
    for k in range(1, 200):
        late_s = float(rng.uniform(0, 0.004))
        clock.add(step, round((k * step / true_hz + late_s) * 1e9))
    assert clock.rate_hz() == pytest.approx(true_hz, rel=5e-4)


def test_no_rate_is_known_before_a_second_was_seen() -> None:
    clock = SampleClock()
    for k in range(9):
        clock.add(100, k * 10**8)
    assert clock.rate_hz() is None
    clock.add(200, 11 * 10**8)
    assert clock.rate_hz() is not None


def test_readings_follow_each_other_without_a_gap_or_a_repeat() -> None:
    found = items(sensor(ScriptedDevice(blocks_of(RAMP, 50, 1000))))
    signals = [item.signal for item in found if isinstance(item, Reading)]
    assert len(signals) == len(found) == 14
    joined = np.concatenate(signals)[:, 0]
    assert np.allclose(np.diff(joined), 1 / 8000, atol=1e-7)
    assert [item.seq for item in found] == list(range(14))
    assert {item.rate_hz for item in found if isinstance(item, Reading)} == {1000}


def test_a_reading_is_as_old_as_its_last_sample() -> None:
    clock = ManualClock(mono_ns=20 * 10**9)
    first = items(sensor(ScriptedDevice(blocks_of(RAMP, 50, 1000)), clock))[0]
    assert isinstance(first, Reading)
    last_sample = round(float(first.signal[-1, 0]) * 8000)
    assert first.mono_ns == pytest.approx(10**9 + (last_sample + 1) * 10**6, abs=10**6)
    assert clock.utc_ns() - first.captured_at_ns == clock.mono_ns() - first.mono_ns


def test_a_rate_that_is_near_is_measured_and_used() -> None:
    found = items(sensor(ScriptedDevice(blocks_of(RAMP, 50, 985))))
    rates = [item.rate_hz for item in found if isinstance(item, Reading)]
    assert len(rates) == len(found)
    assert rates[-1] == pytest.approx(985, rel=1e-4)


def test_a_rate_that_is_far_off_is_no_reading() -> None:
    found = items(sensor(ScriptedDevice(blocks_of(RAMP, 50, 552))))
    assert all(isinstance(item, Unreadable) for item in found)
    reason = found[0].reason  # type: ignore[union-attr]
    assert reason == ("the sensor samples at 552 Hz, 1000 Hz are asked (-45%, 5% are allowed)")


def test_a_gap_is_counted_and_named_and_no_reading_spans_it() -> None:
    blocks = blocks_of(RAMP, 50, 1000)
    assert isinstance(blocks[65], SampleBlock)
    blocks[65] = replace(blocks[65], lost=50)
    del blocks[64]
    source = sensor(ScriptedDevice(blocks))
    found = items(source)
    bad = [item for item in found if isinstance(item, Unreadable)]
    assert [item.reason for item in bad] == ["50 samples were lost before this reading (overrun)"]
    for item in found:
        if isinstance(item, Reading):
            assert np.allclose(np.diff(item.signal[:, 0]), 1 / 8000, atol=1e-7)


def test_clipping_is_named_with_its_axis() -> None:
    loud = np.hstack([RAMP[:4000] * 0.1, np.clip(RAMP[:4000] * 3, 0, 1)])
    device = ScriptedDevice(blocks_of(loud, 50, 1000), full_scale=1.0)
    found = items(sensor(device, axes=["x", "y"]))
    assert isinstance(found[-1], Unreadable)
    assert "of axis y are at full scale (1 g)" in found[-1].reason


def test_silence_is_a_lost_sensor_within_two_seconds() -> None:
    clock = ManualClock(mono_ns=10**9)
    source = sensor(ScriptedDevice([]), clock)
    source.open()
    clock.advance_s(1.4)
    assert source.next(0.1) is None
    clock.advance_s(0.2)
    with pytest.raises(DeviceError, match=r"gave nothing for 1\.6 s"):
        source.next(0.1)


class Recorder:
    """1000 samples a second from its opening on; a read gives at most 100 of those that wait."""

    full_scale = 0.0

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def open(self) -> None:
        self._opened_ns, self._given = self._clock.mono_ns(), 0

    def read(self, timeout_s: float) -> SampleBlock | None:
        made = (self._clock.mono_ns() - self._opened_ns) // 10**6
        if made == self._given:
            self._clock.sleep_s(timeout_s)
            return None
        count, self._given = min(100, made - self._given), min(made, self._given + 100)
        return SampleBlock(np.zeros((count, 1), np.float32), self._clock.mono_ns())

    def close(self) -> None:
        pass


def test_what_waited_unread_before_the_beginning_bends_no_rate() -> None:
    clock = ManualClock(mono_ns=20 * 10**9)
    source = sensor(Recorder(clock), clock)
    source.open()
    clock.sleep_s(3)
    began_ns = clock.mono_ns()
    source.begin()
    found = [item for _ in range(400) if (item := source.next(0.05)) is not None]
    rates = [item.rate_hz for item in found if isinstance(item, Reading)]
    assert len(rates) == len(found) > 10
    assert set(rates) == {1000}
    assert found[0].mono_ns > began_ns


def test_a_sensor_is_not_silent_for_the_time_before_the_beginning() -> None:
    clock = ManualClock(mono_ns=20 * 10**9)
    source = sensor(ScriptedDevice([]), clock, stall_s=1.5)
    source.open()
    clock.sleep_s(3)
    source.begin()
    assert source.next(0.1) is None
    clock.sleep_s(2)
    with pytest.raises(DeviceError, match=r"gave nothing for 2\.\d s"):
        source.next(0.1)
