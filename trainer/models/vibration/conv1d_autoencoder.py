"""A 1-D convolutional autoencoder of vibration: learns normal, and scores what it cannot rebuild.

It rebuilds the standardised spectrum (and posture) through a narrow middle. What it rebuilds is
bounded to three standard deviations, so that no anomaly explains itself away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.contracts.vibration.input import VibrationInput
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
from trainer.training.gradient import compile_network, seed_everything

if TYPE_CHECKING:
    import keras

MIDDLE = 8
BOUND = 3.0
"""ReLU6 less 3: the range of what is rebuilt, in standard deviations."""

BATCH = 64
STEPS = 8
NOISE = 0.3


def build(
    spec: InputSpec, labels: int, config: FitConfig, options: VibrationAnomalyOptions
) -> keras.Model:
    """(bins, channels) -> the score (1,); `rebuilt_network` shares its weights for training."""
    del labels, config, options
    from keras import Model, layers

    rebuild = _rebuilder(spec.shape[0], spec.shape[-1])
    lifted = layers.Rescaling(1.0, offset=BOUND)(rebuild.input)
    residual = layers.Subtract()([lifted, rebuild.output])
    return Model(rebuild.input, excess(residual), name="conv1d-autoencoder")


def fit(training: Training[VibrationAnomalyOptions]) -> Fitted:
    """Train the rebuilding on noisy normal windows for a fixed time."""
    import keras

    if not isinstance(training.spec, VibrationInput):
        raise TypeError("not a vibration input")
    seed_everything(training.config.seed)
    network = build(training.spec, 1, training.config, training.options)
    rebuild = keras.Model(network.input, network.get_layer("rebuilt").output)
    history = _train(rebuild, training)
    fitted = with_own_threshold(training, network, history)
    keras.backend.clear_session()
    return fitted


def _rebuilder(bins: int, channels: int) -> keras.Model:
    """(bins, channels) -> the same, as ReLU6 of what is rebuilt + 3."""
    import keras
    from keras import layers

    inputs = keras.Input((bins, channels), name="views")
    x = layers.Reshape((bins, 1, channels))(inputs)
    for filters, stride in ((16, 2), (16, 2)):
        x = layers.Conv2D(filters, (5, 1), (stride, 1), padding="same")(x)
        x = layers.ReLU(6.0)(x)
    x = layers.Dense(MIDDLE)(layers.Flatten()(x))
    x = layers.ReLU(6.0)(layers.Dense(32)(x))
    bias = keras.initializers.Constant(BOUND)
    x = layers.Dense(bins * channels, kernel_initializer="zeros", bias_initializer=bias)(x)
    x = layers.ReLU(6.0)(x)
    return keras.Model(inputs, layers.Reshape((bins, channels), name="rebuilt")(x))


def _train(rebuild: keras.Model, training: Training) -> list[Mapping[str, float]]:
    import keras

    config, rng = training.config, np.random.default_rng(training.config.seed)
    inputs = training.train.inputs
    rows: list[Mapping[str, float]] = []
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.epochs * STEPS)
    compile_network(rebuild, keras.optimizers.Adam(rate), "mse")
    with training.progress.steps("training", config.epochs) as bar:
        for epoch in range(config.epochs):
            losses = []
            for _ in range(STEPS):
                chosen = inputs[rng.integers(0, len(inputs), BATCH)]
                noisy = chosen + NOISE * rng.standard_normal(chosen.shape)
                wanted = np.clip(chosen, -BOUND, BOUND) + BOUND
                losses.append(float(rebuild.train_on_batch(noisy.astype(np.float32), wanted)))
            rows.append({"epoch": epoch + 1, "loss": float(np.mean(losses))})
            bar.advance(note=f"loss {losses[-1]:.3f}")
    return rows


ARCHITECTURE = Architecture(
    name="conv1d-autoencoder",
    tasks=("vibration-anomaly",),
    summary="rebuilds normal spectra (and posture); the score is what it cannot rebuild",
    spec_of=spec_of,
    build=build,
    epochs=80,
    fit=fit,
    calibration=calibration_with_faults,
    scoring="anomaly",
    train_hop_share=4,
    options=VibrationAnomalyOptions,
)
