"""A scorer of the whole picture: how far its mean features and their spread are from good parts.

The Mahalanobis distance of the means and mean deviations of several layers over all positions
(Rippel, Mertens & Merhof, "Modeling the distribution of normal data in pre-trained deep features
for anomaly detection", ICPR 2020). It finds what is a little odd at many places, which no single
place shows; it is blind to a small spot. The covariance is shrunk (Ledoit & Wolf, J. Multivariate
Analysis 88, 2004), because there are more features than good parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.models.image.cross_fitting import FitScorer
from trainer.models.image.feature_maps import Floats, Scale

if TYPE_CHECKING:
    import keras

TAPS = ("block_5_add", "block_9_add", "block_12_add")
LEAST_SPREAD = 1e-4
"""Added to the standard deviation of each feature over good parts."""

LEAST_PART = 1e-3
"""Added to the share of a picture that is part: the mean over none of it is 0."""


@dataclass(frozen=True)
class Whole:
    """kernel: (C, C), bias: (C,), so that |x kernel + bias| is the distance of features x."""

    kernel: Floats
    bias: Floats

    def heat(self, cells: Floats) -> Floats:
        """(N, 1, 1, C) -> the distance of each picture (N, 1, 1)."""
        return np.asarray(np.linalg.norm(cells @ self.kernel + self.bias, axis=3), np.float32)


def fit_whole(cells: Floats) -> Whole:
    """Fit means and the shrunk covariance of good parts (N, 1, 1, C), each there as float and as
    int8.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    rows = cells.reshape(len(cells), -1).astype(np.float64)
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + LEAST_SPREAD
    rows = (rows - mean) / spread
    # The two rows of a part are nearly one: the estimate takes them for twice as many parts.
    shrinkage = min(1.0, 2 * float(ledoit_wolf_shrinkage(rows, assume_centered=True)))
    covariance = rows.T @ rows / len(rows)
    usual = max(float(np.trace(covariance)) / len(covariance), 1e-6)
    shrunk = (1 - shrinkage) * covariance + (shrinkage * usual + 1e-6) * np.eye(len(covariance))
    kernel = np.linalg.cholesky(np.linalg.inv(shrunk)) / spread[:, None]
    return Whole(kernel.astype(np.float32), (-mean @ kernel).astype(np.float32))


def fit_whole_by_rounding(rounding: float) -> FitScorer:
    """What fits the scorer: parts as int8 sees them are among its parts, which is enough."""
    del rounding
    return lambda seen: fit_whole(seen).heat


def whole_features(
    taps: Sequence[keras.KerasTensor], foreground: keras.KerasTensor | None = None
) -> keras.KerasTensor:
    """Means of all channels over all positions, and half their mean absolute deviations there:
    (N, 1, 1, C); foreground: (N, G, H, 1), how much each position counts, 0 to 1.
    """
    if foreground is not None:
        return _part_features(taps, foreground)
    from keras import layers

    features = []
    for number, tap in enumerate(taps):
        name = f"{FLOAT_PREFIX}whole{number}"
        mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(tap)
        away = layers.Subtract(name=f"{name}_away")([tap, mean])
        above = layers.ReLU(name=f"{name}_above")(away)
        # As much lies above a mean as below it: half the absolute deviation, without a root.
        spread = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_spread")(above)
        features += [mean, spread]
    return layers.Concatenate(name=f"{FLOAT_PREFIX}whole_features")(features)


def _part_features(
    taps: Sequence[keras.KerasTensor], foreground: keras.KerasTensor
) -> keras.KerasTensor:
    """The same where each position counts as much as it shows the part."""
    import keras
    from keras import layers

    mean_of = layers.GlobalAveragePooling2D(keepdims=True)
    share = layers.Rescaling(1.0, offset=LEAST_PART)(mean_of(foreground))
    features = []
    for tap in taps:
        wider = tap.shape[1] // foreground.shape[1]
        counts = layers.UpSampling2D(wider)(foreground) if wider > 1 else foreground
        mean = keras.ops.divide(mean_of(layers.Multiply()([tap, counts])), share)
        above = layers.ReLU()(layers.Subtract()([tap, mean]))
        spread = keras.ops.divide(mean_of(layers.Multiply()([above, counts])), share)
        features += [mean, spread]
    return layers.Concatenate(name=f"{FLOAT_PREFIX}whole_features")(features)


def whole_heat(features: keras.KerasTensor, grid: tuple[int, int]) -> keras.KerasTensor:
    """The scaled distance of `whole_features`, the same at each cell of the grid: (N, *grid, 1)."""
    from keras import layers

    count = features.shape[3]
    x = layers.Conv2D(count, 1, name=f"{FLOAT_PREFIX}whole_whiten")(features)
    unit = layers.UnitNormalization(name=f"{FLOAT_PREFIX}whole_unit")(x)
    x = layers.Multiply(name=f"{FLOAT_PREFIX}whole_length")([x, unit])
    x = layers.Conv2D(1, 1, name=f"{FLOAT_PREFIX}whole_distance")(x)
    return layers.UpSampling2D(grid, name=f"{FLOAT_PREFIX}whole_heat")(x)


def set_whole(network: keras.Model, whole: Whole, scale: Scale) -> None:
    """Put the estimate into `network`; scale: (gain, lift) of its distance."""
    gain, lift = scale
    layer = network.get_layer(f"{FLOAT_PREFIX}whole_whiten")
    layer.set_weights([whole.kernel[None, None], whole.bias])
    weights = [np.full((1, 1, len(whole.bias), 1), gain, np.float32), np.array([lift], np.float32)]
    network.get_layer(f"{FLOAT_PREFIX}whole_distance").set_weights(weights)
