"""Shared by the vibration detectors: their views, the score in the graph, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
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


def own_scoring(training: Training, network: keras.Model) -> Scoring:
    """A threshold on the validation samples, each condition standing on a baseline of its own.

    A condition that training knows has its centre already. Of another one the first half is its
    baseline, as on a station, and the second half is scored: else every strange speed would raise
    the threshold until nothing is ever found.
    """

    conditions = [one for one in _by_condition(training) if len(one.inputs)]
    scores = [predict(network, one.inputs)[:, 0].astype(np.float64) for one in conditions]
    threshold, rule = good_quantile(np.concatenate(scores), GOOD_ONLY_FALSE_REJECT)
    scoring = Scoring(kind="anomaly", threshold=threshold, chosen_by=f"{rule}, after a baseline")
    pairs = zip(scores, conditions, strict=True)
    normal = [run[apart(one.sample, training.spec)] for run, one in pairs]
    return with_rule(scoring, Runs(normal, []), training.config.false_alarms)


def _by_condition(training: Training) -> list[Prepared]:
    """The validation inputs of each group, computed as by a station with a baseline."""
    groups = np.array(training.dataset.groups())
    known = set(groups[training.split.train])
    conditions = []
    for group in sorted(set(groups[training.split.val])):
        indices = training.split.val[groups[training.split.val] == group]
        if group in known:
            chosen = np.isin(training.val.sample, indices)
            conditions.append(Prepared(training.val.inputs[chosen], training.val.sample[chosen]))
        else:
            conditions.append(_after_baseline(training, indices))
    return conditions


def _after_baseline(training: Training, samples: Indices) -> Prepared:
    """The second half of a condition's windows, standing on the first; all, where it has few."""
    spec = training.spec
    if not isinstance(spec, VibrationInput):
        raise TypeError("not a vibration input")
    prepared = prepare(training.dataset, samples, raw_features(spec), SilentProgress(), "")
    half = len(prepared.inputs) // 2
    moved = rebase(spec, prepared.inputs[:half]) if half >= MIN_WINDOWS else spec
    rest = slice(half if half >= MIN_WINDOWS else 0, None)
    return Prepared(standing(moved, prepared.inputs[rest]), prepared.sample[rest])


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
