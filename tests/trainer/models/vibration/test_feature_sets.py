"""Views and scores of vibration models: bands, speeds, known scores, and bent spectra."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.views import EnvelopeView, ShaftView, SpectrumView
from trainer.config.fit import FitConfig
from trainer.models.vibration import conv1d_autoencoder, gru_spectra
from trainer.models.vibration.anomaly import (
    CLIP,
    DEADBAND,
    VibrationAnomalyOptions,
    calibration_with_faults,
    excess,
)
from trainer.models.vibration.features import (
    BANDS,
    ROOM,
    bands_hz,
    class_views,
    detector_views,
    top_speed,
)
from trainer.models.vibration.network import NOISE

SPEC = VibrationInput(rate_hz=1000, axes=["x", "y"], window_samples=1000, hop_samples=500)


@pytest.mark.parametrize(("modulation_hz", "count"), [(10, BANDS), (100, 2), (2000, 1)])
def test_bands_are_wide_enough_for_the_modulation_and_stay_below_nyquist(
    modulation_hz: float, count: int
) -> None:
    bands = bands_hz(1000, modulation_hz)
    assert len(bands) == count
    assert bands[0][0] == 10
    assert bands[-1][1] == 490
    assert all(high == low for (_, high), (low, _) in pairwise(bands))
    if count > 1:
        assert min(high - low for low, high in bands[1:]) >= ROOM * modulation_hz


def test_a_top_speed_needs_the_speed_of_every_recording() -> None:
    assert top_speed([1500.0, 3000.0]) == 3000.0
    assert top_speed([1500.0, None]) is None
    assert top_speed([]) is None


@pytest.mark.parametrize("rate_hz", [1.0, 12.5, 20.0, 50.0, 25_600.0])
def test_every_rate_has_an_envelope(rate_hz: float) -> None:
    spec = SPEC.model_copy(update={"rate_hz": rate_hz})
    envelope = class_views(spec, "envelope", "shape", top_rpm=None)[0]
    assert isinstance(envelope, EnvelopeView)
    assert 0 < envelope.low < envelope.high <= 0.1 * rate_hz


def test_a_known_speed_puts_the_envelope_into_orders() -> None:
    (spectrum, envelope) = class_views(SPEC, "both", "shape", top_rpm=600)
    assert isinstance(spectrum, SpectrumView)
    assert isinstance(envelope, EnvelopeView)
    assert (spectrum.high_hz, envelope.scale, envelope.high) == (500, "orders", 16.5)
    *_, shaft = class_views(SPEC, "all", "shape", top_rpm=600)
    assert isinstance(shaft, ShaftView)
    assert (shaft.scale, shaft.high) == ("orders", 8.25)
    (only,) = class_views(SPEC, "envelope", "shape", top_rpm=None)
    assert isinstance(only, EnvelopeView)
    assert (only.scale, only.high) == ("hertz", 100), "at most a tenth of the rate"


def test_a_detector_reads_the_sensor_s_tilt_last_or_not_at_all() -> None:
    with_tilt, without = (detector_views(SPEC, 24, tilt) for tilt in (True, False))
    assert [type(view).__name__ for view in with_tilt] == ["SpectrumView", "PostureView"]
    assert without == with_tilt[:1]


def test_the_excess_is_the_mean_of_what_lies_outside_the_deadband() -> None:
    import keras

    inputs = keras.Input((4, 2))
    score = keras.Model(inputs, excess(inputs))
    residual = np.zeros((3, 4, 2), np.float32)
    residual[1, 0] = [DEADBAND + 1, -DEADBAND - 3]
    residual[2] = DEADBAND
    np.testing.assert_allclose(np.asarray(score(residual))[:, 0], [0, 4 / 8, 0], atol=1e-6)


def test_an_untrained_autoencoder_scores_what_lies_off_the_mean() -> None:
    spec: Any = SimpleNamespace(shape=(8, 1))
    options = VibrationAnomalyOptions(bins=8)
    network = conv1d_autoencoder.build(spec, 1, FitConfig(), options)
    inputs = np.zeros((2, 8, 1), np.float32)
    inputs[1, 3] = -5.0
    np.testing.assert_allclose(
        np.asarray(network(inputs))[:, 0], [0, (5 - DEADBAND) / 8], atol=1e-5
    )


def test_half_of_the_calibration_inputs_are_made_abnormal_within_the_clip() -> None:
    inputs = np.zeros((30, 6, 2), np.float32)
    training: Any = SimpleNamespace(config=FitConfig(seed=1), train=SimpleNamespace(inputs=inputs))
    made = calibration_with_faults(training, None)  # type: ignore[arg-type]
    normal, abnormal = np.split(made, 2)
    assert made.dtype == np.float32
    assert not normal.any()
    assert np.abs(abnormal).max() <= CLIP
    assert (np.abs(abnormal).max(axis=(1, 2)) > 0.5).all()


def test_all_frames_of_an_axis_are_bent_alike() -> None:
    frames, axes, bands, count = 4, 2, 6, 400
    inputs = np.zeros((count, frames, axes * bands), np.float32)
    bent = gru_spectra.with_tilted_spectra(inputs, axes, 1e9, np.random.default_rng(6))
    between = (bent[:, 1:] - bent[:, :-1]).std()
    assert between == pytest.approx(NOISE * np.sqrt(2), rel=0.05), "only noise differs"
    assert bent.std() > 1.5 * NOISE, "the bend is larger than the noise"
    clipped = gru_spectra.with_tilted_spectra(inputs, axes, 0.25, np.random.default_rng(6))
    assert np.abs(clipped).max() == 0.25


def test_the_recurrent_network_depends_on_the_order_of_frames_and_begins_at_zero() -> None:
    spec: Any = SimpleNamespace(shape=(5, 6))
    network = gru_spectra.build(spec, 3, FitConfig(), gru_spectra.GruSpectraOptions(units=4))
    inputs = np.random.default_rng(7).normal(size=(2, 5, 6)).astype(np.float32)
    assert not np.asarray(network(inputs)).any(), "logits start at zero"
    last = network.layers[-1]
    last.set_weights([np.ones_like(last.get_weights()[0]), last.get_weights()[1]])
    forward, backward = np.asarray(network(inputs)), np.asarray(network(inputs[:, ::-1]))
    assert np.abs(forward - backward).max() > 1e-3
