"""Variations of training windows (N, T, C) that leave the label as it is."""

from __future__ import annotations

import numpy as np

from edge_agent.contracts.core.types import Tensor

Generator = np.random.Generator

GAIN = 0.25
NOISE = 0.1


def gain(batch: Tensor, rng: Generator) -> Tensor:
    """Amplitude +-25 %, and the sign of the sensor's mounting."""
    factor = rng.uniform(1 - GAIN, 1 + GAIN, (len(batch), 1, 1))
    sign = rng.choice([-1.0, 1.0], (len(batch), 1, 1))
    return np.asarray(batch * (factor * sign), np.float32)


def noise(batch: Tensor, rng: Generator) -> Tensor:
    """White noise of up to 10 % of each window's RMS."""
    rms = np.sqrt(np.mean(np.square(batch), axis=(1, 2), keepdims=True))
    level = rms * rng.uniform(0, NOISE, (len(batch), 1, 1))
    return np.asarray(batch + level * rng.standard_normal(batch.shape), np.float32)
