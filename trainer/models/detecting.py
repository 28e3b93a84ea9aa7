"""What the detectors of vibration share: what they hear, their score in the graph, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from edge_agent.contracts.types import Tensor
from edge_agent.contracts.vibration import VibrationInput
from trainer.config import FitConfig
from trainer.data.splits import Split
from trainer.models.listening import detector_views, window_spec, with_views
from trainer.models.registry import Fitted, Training
from trainer.strict_toml import StrictTable

if TYPE_CHECKING:
    import keras

CLIP = 8.0
"""Standard deviations at which a feature ends: an alarm is far below, int8 has steps of 1/16."""

DEADBAND = 1.5
"""Standard deviations within which a feature says nothing."""

MOST_CALIBRATION = 500


class Options(StrictTable):
    """[options] of the vibration detectors."""

    bins: int = Field(default=24, ge=4, le=256, description="bands of the spectrum")
    posture: bool = Field(
        default=True, description="hear how the sensor leans; false for AC-coupled sensors"
    )


def spec_of(split: Split, config: FitConfig, options: StrictTable) -> VibrationInput:
    """One-second windows: spectrum and posture, a centre for each group of the training samples."""
    chosen = options if isinstance(options, Options) else Options()
    spec = window_spec(split, config)
    views = detector_views(spec, chosen.bins, chosen.posture)
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


def planted(training: Training, fitted: Fitted) -> Tensor:
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
