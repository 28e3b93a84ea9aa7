from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.vibration.baseline import (
    RESTLESS,
    TWO_SIDED,
    false_alarm_bound,
    judged_by_others,
    predicted_spread,
    raw_features,
    rebase,
    scatter,
    standard_of,
)
from edge_agent.contracts.vibration.input import VibrationInput, prepare_recording
from edge_agent.contracts.vibration.views import SpectrumView

SPEC = VibrationInput(
    rate_hz=200,
    axes=["x"],
    window_samples=200,
    hop_samples=200,
    views=[SpectrumView(bins=16, high_hz=100)],
    standard=standard_of([np.full(16, -3.0)], np.full(16, 0.1), 8.0),
)


def running(level: float, seconds: int = 40) -> Recording:
    rng = np.random.default_rng(3)
    return Recording(rng.normal(0, level, (200 * seconds, 1)).astype(np.float32), 200, ("x",))


def test_after_a_baseline_the_station_is_its_own_normal() -> None:
    strange = prepare_recording(running(1.0), SPEC)
    assert np.abs(strange).mean() > 5
    moved = rebase(SPEC, prepare_recording(running(1.0), raw_features(SPEC)))
    assert np.abs(prepare_recording(running(1.0), moved)).mean() < 1.5


def test_spread_widens_and_never_narrows() -> None:
    wide = SPEC.model_copy(update={"standard": standard_of([np.zeros(16)], np.full(16, 50.0), 8.0)})
    moved = rebase(wide, prepare_recording(running(1.0), raw_features(wide)))
    assert moved.standard is not None
    assert set(moved.standard.spread) == {float(f"{50 * np.sqrt(1 + 1 / 40):.5g}")}


def test_a_machine_that_changes_while_it_is_heard_scatters_beyond_all_training() -> None:
    steady = prepare_recording(running(1.0), raw_features(SPEC))
    louder = prepare_recording(running(30.0), raw_features(SPEC))
    assert 1.0 < scatter(SPEC, steady) < RESTLESS
    assert scatter(SPEC, np.concatenate([steady, louder])) > 2 * RESTLESS


def test_a_few_windows_are_no_baseline() -> None:
    few = prepare_recording(running(1.0, 9), raw_features(SPEC))
    with pytest.raises(InputError, match="9 normal windows, 10 are needed"):
        rebase(SPEC, few)


def test_ten_windows_are_enough_and_each_is_judged_by_others() -> None:
    raw = prepare_recording(running(1.0, 10), raw_features(SPEC))
    assert len(raw) == 10
    own = judged_by_others(SPEC, raw)
    assert own.shape == raw.shape
    assert own.dtype == np.float32
    without = rebase(SPEC, raw[2:], least=8)
    np.testing.assert_allclose(own[:2], prepare_recording(running(1.0, 10), without)[:2], rtol=1e-4)
    with pytest.raises(InputError, match="9 normal windows, 10 are needed"):
        judged_by_others(SPEC, raw[:9])


@pytest.mark.parametrize("count", [8, 10, 20])
def test_a_new_window_lies_within_the_predicted_spread_as_often_as_it_says(count: int) -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(3.0, 0.2, (count, 40_000))
    new = rng.normal(3.0, 0.2, 40_000)
    inside = np.abs(new - rows.mean(axis=0)) < TWO_SIDED * predicted_spread(rows)
    assert inside.mean() == pytest.approx(0.95, abs=0.004)


def test_ranks_show_two_percent_by_49_readings_and_by_no_fewer() -> None:
    quiet = np.zeros(49)
    assert false_alarm_bound(quiet, 1.0, 49) == pytest.approx(0.02)
    assert false_alarm_bound(quiet[:10], 1.0, 10) == pytest.approx(1 / 11)
    assert false_alarm_bound(np.array([0.0, 2.0]), 1.0, 10) == pytest.approx(6 / 11)


def test_a_model_without_standardisation_cannot_be_moved() -> None:
    plain = SPEC.model_copy(update={"standard": None})
    with pytest.raises(InputError, match="no standardisation"):
        rebase(plain, np.zeros((30, 16, 1), np.float32))
