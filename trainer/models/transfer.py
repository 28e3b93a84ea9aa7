"""MobileNetV2 from ImageNet: a head first, then the upper blocks with a small falling rate.

The head is a logistic regression on pooled features of varied training images: no gradient ever
runs through a random head. Then everything from the sixth block on follows; the lower blocks and
all batch norms stay, so a few hundred images are enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.image import ImageInput
from trainer.config import FitConfig
from trainer.data.augment import augment
from trainer.data.prepared import InputSpec
from trainer.data.splits import Split
from trainer.models.backbone import load_backbone
from trainer.models.grid import Floats, detector_spec, rows_of
from trainer.models.registry import Architecture, Fitted, Training
from trainer.strict_toml import StrictTable

if TYPE_CHECKING:
    import keras

SIZE_PX = 224
FIRST_TUNED = {"upper": "block_6_expand", "all": "Conv1"}
"""Where fine-tuning begins."""

RIDGE = 0.003
"""scikit-learn's C of the head on standardised features: 2,560 of them for a few hundred images."""


class TransferOptions(StrictTable):
    """[options] of `transfer`."""

    tune: Literal["none", "upper", "all"] = Field(
        default="upper", description="what follows the head: nothing, the upper blocks, everything"
    )
    views: int = Field(default=3, ge=1, le=20, description="variations of an image for the head")
    tune_rate: float = Field(default=2e-4, gt=0, le=0.1, description="the first learning rate")


def spec_of(split: Split, config: FitConfig, options: StrictTable) -> ImageInput:
    """A square of 224 px."""
    del split, options
    return detector_spec(config, SIZE_PX)


def build(spec: InputSpec, labels: int, config: FitConfig, options: StrictTable) -> keras.Model:
    """Backbone, mean and maximum over all places, dense logits; everything but these is frozen."""
    import keras
    from keras import layers

    del options
    pixels = keras.Input(spec.shape, name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    if spec.shape[2] == 1:
        x = layers.Concatenate()([x, x, x])
    x = load_backbone(config.weights, spec.shape[0])(x)
    x = layers.Concatenate(name="pooled")(
        [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)]
    )
    x = layers.Dropout(0.3)(x)
    return keras.Model(pixels, layers.Dense(labels, name="logits")(x), name="transfer")


def fit(training: Training) -> Fitted:
    """Head first, then the chosen blocks; the best epoch on validation data stays."""
    from trainer.gradient import descend, seed_everything

    seed_everything(training.config.seed)
    options = TransferOptions.model_validate(training.options.model_dump())
    network = build(training.spec, len(training.labels), training.config, options)
    fit_head(network, training, options.views)
    if options.tune == "none":
        return Fitted(network, [_judged_head(network, training)])
    thaw(network, FIRST_TUNED[options.tune])
    head = _judged_head(network, training)
    before = network.get_weights()
    rows = descend(network, training, options.tune_rate)
    if head["val_loss"] <= min(row["val_loss"] for row in rows):
        network.set_weights(before)
        return Fitted(network, [head, *rows], ("fine-tuning did not improve on the head alone",))
    return Fitted(network, [head, *rows])


def fit_head(network: keras.Model, training: Training, views: int) -> None:
    """Set the logits by a logistic regression on pooled features of `views` variations each."""
    import keras
    from sklearn.linear_model import LogisticRegression

    eye = keras.Model(network.input, network.get_layer("pooled").output)
    rows = _varied_features(eye, training, views)
    targets = np.tile(training.train_targets, views)
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread += 0.02 * float(spread.mean()) + 1e-9
    weight = "balanced" if training.config.class_weights else None
    regression = LogisticRegression(C=RIDGE, max_iter=300, class_weight=weight)
    regression.fit((rows - mean) / spread, targets)
    slopes, lifts = _all_labels(regression.coef_, regression.intercept_)
    kernel = np.zeros((rows.shape[1], len(training.labels)), np.float32)
    bias = np.full(len(training.labels), float(lifts.min()) - 10.0, np.float32)
    kernel[:, regression.classes_] = slopes.T / spread[:, None]
    bias[regression.classes_] = lifts - mean @ kernel[:, regression.classes_]
    network.get_layer("logits").set_weights([kernel, bias])


def thaw(network: keras.Model, first: str) -> None:
    """Let everything from the backbone's layer `first` on learn, batch norms excepted."""
    import keras

    backbone = next(layer for layer in network.layers if isinstance(layer, keras.Model))
    backbone.trainable = True
    reached = False
    for layer in backbone.layers:
        reached = reached or layer.name == first
        layer.trainable = reached and not isinstance(layer, keras.layers.BatchNormalization)


def _varied_features(eye: keras.Model, training: Training, views: int) -> Floats:
    """(views * N, F): the images as they are, then varied."""
    rng = np.random.default_rng(training.config.seed)
    inputs, names = training.train.inputs, training.config.image.augment
    rows = [rows_of(eye, inputs, training, "features")[0]]
    for turn in range(1, views):
        varied = augment(inputs, names, rng).astype(np.uint8)
        rows += rows_of(eye, varied, training, f"features, variation {turn}")
    return np.concatenate(rows)


def _all_labels(
    slopes: NDArray[np.float64], lifts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two classes come as one row; give each its own."""
    if len(slopes) > 1:
        return slopes, lifts
    return np.concatenate([-slopes, slopes]) / 2, np.concatenate([-lifts, lifts]) / 2


def _judged_head(network: keras.Model, training: Training) -> Mapping[str, float]:
    """The history's row 0: the head alone on validation data."""
    import keras

    from trainer.gradient import predict

    logits = predict(network, training.val.inputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    right = float((logits.argmax(axis=1) == training.val_targets).mean())
    value = float(loss(training.val_targets, logits))
    nothing = float("nan")
    return {
        "epoch": 0,
        "accuracy": nothing,
        "loss": nothing,
        "val_accuracy": right,
        "val_loss": value,
    }


ARCHITECTURE = Architecture(
    name="transfer",
    tasks=("image-class",),
    summary="MobileNetV2 from ImageNet: head first, then its upper blocks",
    spec_of=spec_of,
    build=build,
    epochs=12,
    fit=fit,
    options=TransferOptions,
)
