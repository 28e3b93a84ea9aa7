"""A transferred network from pixels to what its head reads: first what int8 computes, then floats.

Mean and maximum over all places of five layers from low to high, and the texture of a sixth. With
four looks the picture is also seen mirrored left-right, up-down and both; what the head reads is
the mean over them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.config.fit import FitConfig
from trainer.data.prepare import InputSpec
from trainer.models.image.backbone import (
    backbone_name,
    features,
    find_backbone,
    load_backbone,
    scaled_rgb,
)
from trainer.models.image.feature_maps import BATCH, Floats
from trainer.models.image.linear_head import Layers
from trainer.models.image.texture import texture, triangle
from trainer.models.layers.int8 import sights
from trainer.training.api import Training

if TYPE_CHECKING:
    import keras

TEXTURE = 5
"""The place after the five pools: the texture of the tap at a sixteenth of the side."""

ALL: Layers = (0, 1, 2, 3, 4, TEXTURE)


def sight(
    spec: InputSpec, config: FitConfig, backbone: str, layers: Layers, looks: int
) -> keras.Model:
    """Pixels 0..255 -> (looks * N, C) mean and maximum of each chosen pool, and the tap itself.

    What lies above the highest layer that is read is cut off.
    """
    import keras
    from keras import layers as kinds

    pixels = keras.Input(spec.shape, name="pixels")
    x = scaled_rgb(pixels)
    if looks > 1:
        x = kinds.Concatenate(axis=0)([x, x[:, :, ::-1], x[:, ::-1], x[:, ::-1, ::-1]])
    row = find_backbone(backbone_name(backbone, config.weights))
    names = [row.taps[1] if layer == TEXTURE else row.pools[layer] for layer in layers]
    found = features(load_backbone(config.weights, spec.shape[0], backbone), names)(x)
    seen = []
    for layer, one in zip(layers, found if isinstance(found, list) else [found], strict=True):
        if layer == TEXTURE:
            seen.append(one)
        else:
            seen += [kinds.GlobalAveragePooling2D()(one), kinds.GlobalMaxPooling2D()(one)]
    return keras.Model(pixels, seen, name="transfer")


def told(seen: list[keras.KerasTensor], looks: int) -> list[keras.KerasTensor]:
    """What `sight` gave as (N, F) vectors for the head, in float: texture, and mean over looks."""
    import keras

    vectors = [texture(one) if len(one.shape) == 4 else one for one in seen]
    if looks == 1:
        return vectors
    given = [keras.Input(one.shape[1:]) for one in vectors]
    parts = [keras.ops.reshape(one, (looks, -1, one.shape[1])) for one in given]
    means = [keras.ops.mean(one, axis=0) for one in parts]
    mean = keras.Model(given, means, name=f"{FLOAT_PREFIX}looks")
    found = mean(vectors)
    return found if isinstance(found, list) else [found]


def float_features(
    eye: keras.Model, inputs: Tensor, looks: int, training: Training
) -> list[Floats]:
    """One (N, F) for each layer of `eye`, a `sight`, as float sees the inputs."""
    import keras

    whole = keras.Model(eye.input, told(eye.outputs, looks))
    rows: list[list[Floats]] = []
    each = BATCH // looks
    with training.talk.steps("features", len(inputs)) as bar:
        for start in range(0, len(inputs), each):
            batch = inputs[start : start + each].astype(np.float32)
            rows.append(by_layer(_arrays(whole.predict_on_batch(batch))))
            for _ in range(len(batch)):
                bar.advance()
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def int8_features(
    eye: keras.Model, payload: bytes, inputs: Tensor, looks: int, training: Training, what: str
) -> list[Floats]:
    """One (N, F) for each layer, as the converted `eye` sees the inputs and float reads it."""
    import keras

    given = [keras.Input(one.shape[1:]) for one in eye.outputs]
    reading = keras.Model(given, told(given, looks))
    rows: list[list[Floats]] = []
    waiting: list[list[Floats]] = []
    with training.talk.steps(what, len(inputs)) as bar:
        for place, seen in enumerate(sights(payload, inputs)):
            waiting.append(seen)
            bar.advance()
            if len(waiting) == BATCH or place == len(inputs) - 1:
                batch = [_look_by_look(column) for column in zip(*waiting, strict=True)]
                rows.append(by_layer(_arrays(reading.predict_on_batch(batch))))
                waiting = []
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def by_layer(vectors: list[Floats]) -> list[Floats]:
    """Mean and maximum of a pool side by side, a texture's upper triangle: one for each layer."""
    rows, textures = vectors[: len(vectors) // 2 * 2], vectors[len(vectors) // 2 * 2 :]
    paired = [np.concatenate(rows[at : at + 2], axis=1) for at in range(0, len(rows), 2)]
    return paired + [triangle(one) for one in textures]


def _look_by_look(column: tuple[Floats, ...]) -> Floats:
    """Outputs (looks, ...) of N inputs as (looks * N, ...), all first looks first."""
    stacked = np.stack(column, axis=1)
    return stacked.reshape(-1, *stacked.shape[2:])


def _arrays(found: Floats | list[Floats]) -> list[Floats]:
    several = found if isinstance(found, list | tuple) else [found]
    return [np.asarray(one, np.float32) for one in several]
