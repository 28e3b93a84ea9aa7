from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.vibration.baseline import (
    RESTLESS,
    judged_by_others,
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
    assert min(moved.standard.spread) == 50.0


def test_a_machine_that_changes_while_it_is_heard_scatters_beyond_all_training() -> None:
    steady = prepare_recording(running(1.0), raw_features(SPEC))
    louder = prepare_recording(running(30.0), raw_features(SPEC))
    assert 1.0 < scatter(SPEC, steady) < RESTLESS
    assert scatter(SPEC, np.concatenate([steady, louder])) > 2 * RESTLESS


def test_a_few_windows_are_no_baseline() -> None:
    few = prepare_recording(running(1.0, 10), raw_features(SPEC))
    with pytest.raises(InputError, match="10 normal windows, 20 are needed"):
        rebase(SPEC, few)


def test_twenty_windows_are_enough_and_each_is_judged_by_others() -> None:
    raw = prepare_recording(running(1.0, 20), raw_features(SPEC))
    assert len(raw) == 20
    own = judged_by_others(SPEC, raw)
    assert own.shape == raw.shape
    assert own.dtype == np.float32
    without = rebase(SPEC, raw[4:], least=16)
    np.testing.assert_allclose(own[:4], prepare_recording(running(1.0, 20), without)[:4], rtol=1e-4)
    with pytest.raises(InputError, match="19 normal windows, 20 are needed"):
        judged_by_others(SPEC, raw[:19])


def test_a_model_without_standardisation_cannot_be_moved() -> None:
    plain = SPEC.model_copy(update={"standard": None})
    with pytest.raises(InputError, match="no standardisation"):
        rebase(plain, np.zeros((30, 16, 1), np.float32))
