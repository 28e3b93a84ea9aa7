"""Good-only without ImageNet: a convolutional autoencoder; what it cannot redraw is odd.

UpSampling and convolution instead of transposed convolution, which int8 kernels of several
runtimes refuse. The heat map is the smoothed squared error at a quarter of the resolution; the
score is its maximum, scaled by good validation parts: 0 is usual, 1 is rare. Where weights can be
had, `padim` and `patchcore` are far better; this one is for cameras that see nothing natural.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.config.fit import FitConfig
from trainer.data.augment import augment
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.image.feature_maps import (
    calibration_with_defects,
    detector_spec,
    rows_of,
    scale_of,
    smooth,
)
from trainer.training.api import Architecture, Fitted, Training
from trainer.training.checkpoints import Checkpoint, CheckpointFiles, assign, values_of
from trainer.training.gradient import compile_network, seed_everything

if TYPE_CHECKING:
    import keras

SIZE_PX = 128
CELL_PX = 4
"""Side of the squares over which errors are averaged."""

CODES = (16, 32, 64)
"""Filters of the encoder's halvings; the decoder goes back up through them."""


class AutoencoderOptions(Strict):
    """[options] of `autoencoder`."""

    code: int = Field(default=16, ge=2, le=128, description="channels of the narrowest layer")


def spec_of(split: Split, config: FitConfig, options: AutoencoderOptions) -> ImageInput:
    """A square of 128 px, standardised."""
    del split, options
    return detector_spec(config, SIZE_PX)


def build(
    spec: InputSpec, labels: int, config: FitConfig, options: AutoencoderOptions
) -> keras.Model:
    """The whole graph: score (N, 1) and heat map (N, H/4, W/4, 1)."""
    import keras
    from keras import layers

    del labels, config
    pixels = keras.Input(spec.shape, name="pixels")
    seen = layers.Rescaling(1 / 127.5, offset=-1.0, name="seen")(pixels)
    redrawn = _drawer(spec.shape, options.code)(seen)
    error = layers.Subtract(name=f"{FLOAT_PREFIX}error")([seen, redrawn])
    square = layers.Multiply(name=f"{FLOAT_PREFIX}square")([error, error])
    coarse = layers.AveragePooling2D(CELL_PX, name=f"{FLOAT_PREFIX}coarse")(square)
    heat = smooth(layers.Conv2D(1, 1, name=f"{FLOAT_PREFIX}scale")(coarse))
    score = layers.GlobalMaxPooling2D(name=f"{FLOAT_PREFIX}score")(heat)
    return keras.Model(pixels, [score, heat], name="autoencoder")


def fit(training: Training[AutoencoderOptions]) -> Fitted:
    """Learn to redraw good parts; the epoch that redraws validation parts best stays."""

    seed_everything(training.config.seed)
    network = build(training.spec, 1, training.config, training.options)
    drawer = network.get_layer("drawer")
    history = _descend(drawer, training)
    channels = training.spec.shape[2]
    plain = np.full((1, 1, channels, 1), 1 / channels, np.float32)
    network.get_layer(f"{FLOAT_PREFIX}scale").set_weights([plain, np.zeros(1, np.float32)])
    peaks = rows_of(network, training.val.inputs, training, "good parts redrawn")[0]
    gain, lift = scale_of(peaks)
    network.get_layer(f"{FLOAT_PREFIX}scale").set_weights(
        [plain * gain, np.array([lift], np.float32)]
    )
    return Fitted(network, history)


def _descend(drawer: keras.Model, training: Training) -> list[Mapping[str, float]]:
    import keras

    config = training.config
    steps = max(1, len(training.train.inputs) // config.batch)
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.epochs * steps)
    compile_network(drawer, keras.optimizers.Adam(rate), "mse")
    rng, checkpoint_files = np.random.default_rng(config.seed), training.checkpoints.next_training()
    rows, weights = _resumed(drawer, rng, checkpoint_files)
    watched = _scaled(training.val.inputs)
    best = min((row["val_loss"] for row in rows), default=np.inf)
    with training.progress.steps("training", config.epochs) as bar:
        bar.advance(len(rows))
        for epoch in range(len(rows) + 1, config.epochs + 1):
            loss = _epoch(drawer, training, rng)
            val_loss = float(np.mean(np.square(drawer.predict(watched, verbose=0) - watched)))
            rows.append({"epoch": epoch, "loss": loss, "val_loss": val_loss})
            if val_loss < best:
                best, weights = val_loss, drawer.get_weights()
            facts = {"rows": rows, "generator": rng.bit_generator.state}
            checkpoint_files.write(
                Checkpoint(facts, values_of(drawer), values_of(drawer.optimizer), weights)
            )
            bar.advance(note=f"loss {val_loss:.4f}")
    drawer.set_weights(weights)
    return rows


def _resumed(
    drawer: keras.Model, rng: np.random.Generator, checkpoint_files: CheckpointFiles
) -> tuple[list[Mapping[str, float]], list[NDArray[np.generic]]]:
    """What an interrupted training left: its history, and the weights of its best epoch."""
    checkpoint = checkpoint_files.read()
    if checkpoint is None:
        return [], drawer.get_weights()
    assign(drawer.variables, checkpoint.variables)
    assign(drawer.optimizer.variables, checkpoint.optimiser)
    rng.bit_generator.state = checkpoint.facts["generator"]
    return list(checkpoint.facts["rows"]), list(checkpoint.best)


def _epoch(drawer: keras.Model, training: Training, rng: np.random.Generator) -> float:
    """One pass over varied training images; returns the mean loss."""
    inputs, config = training.train.inputs, training.config
    order = rng.permutation(len(inputs))
    losses = []
    for start in range(0, len(order), config.batch):
        varied = augment(inputs[order[start : start + config.batch]], config.image.augment, rng)
        batch = _scaled(varied)
        losses.append(float(drawer.train_on_batch(batch, batch)))
    return float(np.mean(losses))


def _scaled(inputs: Tensor) -> Tensor:
    return inputs.astype(np.float32) / np.float32(127.5) - np.float32(1)


def _drawer(shape: tuple[int, ...], code: int) -> keras.Model:
    import keras
    from keras import layers

    seen = keras.Input(shape)
    x = seen
    for filters in CODES:
        x = layers.Conv2D(filters, 3, 2, padding="same", activation="relu6")(x)
    x = layers.Conv2D(code, 3, 2, padding="same", activation="relu6")(x)
    for filters in (*reversed(CODES), CODES[0]):
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = layers.Conv2D(filters, 3, padding="same", activation="relu6")(x)
    return keras.Model(seen, layers.Conv2D(shape[2], 3, padding="same")(x), name="drawer")


ARCHITECTURE = Architecture(
    name="autoencoder",
    tasks=("image-anomaly",),
    summary="good-only without ImageNet: what a small autoencoder cannot redraw is odd",
    spec_of=spec_of,
    build=build,
    epochs=60,
    fit=fit,
    calibration=calibration_with_defects,
    scoring="anomaly",
    windows="max",
    standardises=True,
    light_by="pixels",
    options=AutoencoderOptions,
)
