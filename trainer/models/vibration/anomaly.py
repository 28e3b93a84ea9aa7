"""Shared by the vibration detectors: their views, the score in the graph, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.vibration.baseline import MIN_WINDOWS, raw_features, rebase, standing
from edge_agent.contracts.vibration.input import VibrationInput
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.data.prepare import Prepared, prepare
from trainer.data.samples import Indices
from trainer.data.split import Split
from trainer.models.vibration.features import detector_views, window_spec, with_views
from trainer.thresholds.alarm_rule_choice import Runs, apart, with_rule
from trainer.thresholds.choose import GOOD_ONLY_FALSE_REJECT, good_quantile
from trainer.thresholds.good_only import GoodOnlyCut
from trainer.thresholds.good_parts import GoodParts, good_readings
from trainer.thresholds.odd_group import cut_by_others
from trainer.training.api import Fitted, Training
from trainer.training.predict import predict

if TYPE_CHECKING:
    import keras

CLIP = 8.0
"""Standard deviations at which a feature ends: an alarm is far below, int8 has steps of 1/16."""

DEADBAND = 1.5
"""Standard deviations within which a feature says nothing."""

MOST_CALIBRATION = 500


class VibrationAnomalyOptions(Strict):
    """[options] of the vibration detectors."""

    bins: int = Field(default=24, ge=4, le=256, description="bands of the spectrum")
    posture: bool = Field(
        default=True, description="use the tilt of the sensor; false for AC-coupled sensors"
    )


def spec_of(split: Split, config: FitConfig, options: VibrationAnomalyOptions) -> VibrationInput:
    """One-second windows: spectrum and posture, a centre for each group of the training samples."""
    spec = window_spec(split, config)
    views = detector_views(spec, options.bins, options.posture)
    return with_views(split, spec, views, CLIP, by_group=True)


def excess(residual: keras.KerasTensor) -> keras.KerasTensor:
    """(N, bins, channels) -> (N, 1): the mean of what |r| exceeds DEADBAND by.

    Noise stays below, so that a single loud line counts; and no squares, since int8 has one scale
    for a quiet and for a loud machine.
    """
    import keras
    from keras import layers

    flat = layers.Flatten()(residual)
    above = layers.ReLU()(layers.Rescaling(1.0, offset=-DEADBAND)(flat))
    below = layers.ReLU()(layers.Rescaling(-1.0, offset=-DEADBAND)(flat))
    size = layers.Add()([above, below])
    features = int(size.shape[-1])
    mean = layers.Dense(
        1,
        use_bias=False,
        trainable=False,
        kernel_initializer=keras.initializers.Constant(1.0 / features),
        name="score",
    )
    return mean(size)


@dataclass(frozen=True)
class Windows:
    """Windows of normal recordings. number: (N,) the place of each among those of its sample."""

    prepared: Prepared
    number: NDArray[np.int64]


def with_own_threshold(
    training: Training, network: keras.Model, history: list[Mapping[str, float]], *notes: str
) -> Fitted:
    """The fitted network with a threshold on the validation samples.

    Each condition stands on a baseline of its own. One that training knows has its centre already.
    Of another one the first half is its baseline, as on a station, and the second half is scored:
    else every strange speed would raise the threshold until nothing is ever found.
    One odd recording among three or more moves it little.
    """
    conditions = [one for one in _by_condition(training) if len(one.number)]
    scores = [predict(network, one.prepared.inputs)[:, 0].astype(np.float64) for one in conditions]
    together = np.concatenate(scores)
    parts, rule = _good_windows(training, conditions, together)
    chosen_by = f"{rule}, after a baseline"
    scoring = Scoring(kind="anomaly", threshold=parts.threshold, chosen_by=chosen_by)
    pairs = zip(scores, conditions, strict=True)
    normal = [run[apart(one.prepared.sample, training.spec)] for run, one in pairs]
    scoring = with_rule(scoring, Runs(normal, []), training.config.false_alarms)
    return Fitted(network, history, notes, scoring, good_parts=parts)


def _good_windows(
    training: Training, conditions: Sequence[Windows], scores: NDArray[np.float64]
) -> tuple[GoodParts, str]:
    """The windows of these scores, when each begins within its recording's stretch, and the rule
    that chose a threshold by them: a recording is a witness, however many windows it has.
    """
    spec = training.spec
    if not isinstance(spec, VibrationInput):
        raise TypeError("not a vibration input")
    sample = np.concatenate([one.prepared.sample for one in conditions])
    starts_s = np.concatenate([one.number for one in conditions]) * spec.hop_samples / spec.rate_hz
    recordings = [training.dataset.samples[one].path for one in sample]
    return good_readings(sample, scores, recordings, _threshold, starts_s)


def _threshold(scores: NDArray[np.float64], recordings: list[str]) -> GoodOnlyCut:
    share = GOOD_ONLY_FALSE_REJECT
    usual = partial(good_quantile, false_reject=share)
    return cut_by_others(scores, share, recordings, usual, "recordings")


def _by_condition(training: Training) -> list[Windows]:
    """The validation inputs of each group, computed as by a station with a baseline."""
    groups = np.array(training.dataset.groups())
    known = set(groups[training.split.train])
    conditions = []
    for group in sorted(set(groups[training.split.val])):
        indices = training.split.val[groups[training.split.val] == group]
        if group in known:
            chosen = np.isin(training.val.sample, indices)
            normal = Prepared(training.val.inputs[chosen], training.val.sample[chosen])
            conditions.append(Windows(normal, _numbers(normal.sample)))
        else:
            conditions.append(_after_baseline(training, indices))
    return conditions


def _after_baseline(training: Training, samples: Indices) -> Windows:
    """The second half of a condition's windows, standing on the first; all, where it has few."""
    spec = training.spec
    if not isinstance(spec, VibrationInput):
        raise TypeError("not a vibration input")
    prepared = prepare(training.dataset, samples, raw_features(spec), SilentProgress(), "")
    half = len(prepared.inputs) // 2
    moved = rebase(spec, prepared.inputs[:half]) if half >= MIN_WINDOWS else spec
    rest = slice(half if half >= MIN_WINDOWS else 0, None)
    scored = Prepared(standing(moved, prepared.inputs[rest]), prepared.sample[rest])
    return Windows(scored, _numbers(prepared.sample)[rest])


def _numbers(sample: Indices) -> NDArray[np.int64]:
    """(N,): the place of each input among those of its sample."""
    numbers = np.zeros(len(sample), np.int64)
    for one in np.unique(sample):
        numbers[sample == one] = np.arange((sample == one).sum())
    return numbers


def calibration_with_faults(training: Training, fitted: Fitted) -> Tensor:
    """Training inputs, half of them made abnormal, so that int8 covers what an alarm looks like.

    Calibrated on normal inputs alone the score saturates where it begins to matter.
    """
    del fitted
    rng = np.random.default_rng(training.config.seed)
    inputs = training.train.inputs
    chosen = rng.permutation(len(inputs))[: MOST_CALIBRATION // 2]
    normal = inputs[chosen]
    shape = (len(normal), 1, normal.shape[2])
    lift = rng.uniform(-CLIP, CLIP, shape) + rng.uniform(0, 2, shape) * rng.standard_normal(
        normal.shape
    )
    abnormal = np.clip(normal + lift, -CLIP, CLIP).astype(np.float32)
    return np.concatenate([normal, abnormal])
