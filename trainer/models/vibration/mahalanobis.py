"""A spectral one-class detector without a network's training: the baseline that one must beat.

What the whitened spectrum exceeds a dead band by: a Mahalanobis distance in the first power. The
covariance is that of Ledoit & Wolf, A well-conditioned estimator for large-dimensional covariance
matrices, J. Multivariate Analysis 88 (2004), which stays invertible with few windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainer.config.fit import FitConfig
from trainer.data.prepare import InputSpec
from trainer.models.vibration.anomaly import (
    VibrationAnomalyOptions,
    calibration_with_faults,
    excess,
    spec_of,
    with_own_threshold,
)
from trainer.training.api import Architecture, Fitted, Training

if TYPE_CHECKING:
    import keras


def build(
    spec: InputSpec, labels: int, config: FitConfig, options: VibrationAnomalyOptions
) -> keras.Model:
    """(bins, channels) -> the score (1,): one dense layer that whitens, and the excess."""
    del labels, config, options
    import keras
    from keras import layers

    inputs = keras.Input(spec.shape, name="views")
    features = int(np.prod(spec.shape))
    white = layers.Dense(features, name="whitening")(layers.Flatten()(inputs))
    return keras.Model(inputs, excess(white), name="mahalanobis")


def fit(training: Training[VibrationAnomalyOptions]) -> Fitted:
    """Whiten by the shrunk covariance of the training windows."""
    network = build(training.spec, 1, training.config, training.options)
    inputs = training.train.inputs
    weights, shrinkage = whitening(inputs.reshape(len(inputs), -1).astype(np.float64))
    network.get_layer("whitening").set_weights([weights, np.zeros(len(weights), np.float32)])
    note = f"covariance of {len(inputs)} windows, shrunk by {shrinkage:.2f}"
    return with_own_threshold(training, network, [{"epoch": 1, "shrinkage": shrinkage}], note)


def whitening(features: NDArray[np.float64]) -> tuple[NDArray[np.float32], float]:
    """(N, F) -> W (F, F) with cov(x W) = 1 in the shrunk covariance, and the shrinkage."""
    from sklearn.covariance import ledoit_wolf

    covariance, shrinkage = ledoit_wolf(features)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors / np.sqrt(np.maximum(values, 1e-9)) @ vectors.T
    return root.astype(np.float32), float(shrinkage)


ARCHITECTURE = Architecture(
    name="mahalanobis",
    tasks=("vibration-anomaly",),
    summary="one-class distance of whitened spectra (and posture), without gradient descent",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=calibration_with_faults,
    scoring="anomaly",
    train_hop_share=4,
    options=VibrationAnomalyOptions,
)
