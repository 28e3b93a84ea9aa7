"""The feature extractor of a transferred network: an int8 part, then the float inputs of its head.

Features are the mean and the maximum over all positions of five layers from low to high, and the
texture of a sixth. With four test-time views the image is also computed mirrored left-right,
up-down and both; the head reads the mean over the four.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.config.fit import FitConfig
from trainer.data.prepare import InputSpec
from trainer.models.image.backbone import (
    features,
    find_backbone,
    load_backbone,
    scaled_rgb,
)
from trainer.models.image.feature_maps import BATCH, Floats, listed
from trainer.models.image.linear_head import Head, Layers
from trainer.models.image.texture import square, texture, triangle
from trainer.models.image.weights import pretrained_of
from trainer.models.layers.int8 import int8_outputs
from trainer.training.api import Training
from trainer.training.predict import forward

if TYPE_CHECKING:
    import keras

TEXTURE = 5
"""The index after the five pools: the texture of the tap at a sixteenth of the side."""

ALL: Layers = (0, 1, 2, 3, 4, TEXTURE)

LAYERS: dict[str, Layers] = {
    "lower": (0, 1, 2),
    "middle": (1, 2, 3),
    "upper": (2, 3, 4),
    "wide": (1, 2, 3, 4),
    "texture": (TEXTURE,),
    "mixed": (1, 2, 3, TEXTURE),
}
"""Which of a backbone's five pools, and its texture, the head may read."""


def feature_extractor(
    spec: InputSpec, config: FitConfig, layers: Layers, tta_views: int
) -> keras.Model:
    """Pixels 0..255 -> (tta_views * N, C) mean and maximum of each chosen pool, and the tap itself.

    Layers above the highest one that is read are cut off.
    """
    import keras
    from keras import layers as kinds

    pixels = keras.Input(spec.shape, name="pixels")
    x = scaled_rgb(pixels)
    if tta_views > 1:
        x = kinds.Concatenate(axis=0)([x, x[:, :, ::-1], x[:, ::-1], x[:, ::-1, ::-1]])
    pretrained = pretrained_of(config)
    row = find_backbone(pretrained.backbone)
    sides = (spec.shape[0], spec.shape[1])
    names = [row.taps[1] if layer == TEXTURE else row.pools[layer] for layer in layers]
    outputs = features(load_backbone(pretrained, sides), names)(x)
    pooled = []
    for layer, one in zip(layers, outputs if isinstance(outputs, list) else [outputs], strict=True):
        if layer == TEXTURE:
            pooled.append(one)
        else:
            pooled += [kinds.GlobalAveragePooling2D()(one), kinds.GlobalMaxPooling2D()(one)]
    return keras.Model(pixels, pooled, name="transfer")


def head_vectors(outputs: list[keras.KerasTensor], tta_views: int) -> list[keras.KerasTensor]:
    """Outputs of `feature_extractor` -> float inputs (N, F) of the head, mean over the views."""
    import keras

    vectors = [texture(one) if len(one.shape) == 4 else one for one in outputs]
    if tta_views == 1:
        return vectors
    given = [keras.Input(one.shape[1:]) for one in vectors]
    parts = [keras.ops.reshape(one, (tta_views, -1, one.shape[1])) for one in given]
    means = [keras.ops.mean(one, axis=0) for one in parts]
    mean = keras.Model(given, means, name=f"{FLOAT_PREFIX}tta_views")
    averaged = mean(vectors)
    return averaged if isinstance(averaged, list) else [averaged]


def summed_logits(vectors: list[keras.KerasTensor], labels: int) -> keras.KerasTensor:
    """Dense logits (N, labels) on every vector, summed: each keeps an int8 range of its own.

    The logits stay in float: their weights differ by far more than int8 can tell apart.
    """
    from keras import layers

    parts = [
        layers.Dense(labels, use_bias=index == 0, name=f"{FLOAT_PREFIX}head{index}")(vector)
        for index, vector in enumerate(vectors)
    ]
    return layers.Add(name=f"{FLOAT_PREFIX}logits")(parts) if len(parts) > 1 else parts[0]


def set_logits(network: keras.Model, head: Head) -> None:
    """Put a fitted head into the layers of `summed_logits`."""
    kernels: list[Floats] = []
    for layer, kernel in zip(head.layers, head.kernels, strict=True):
        kernels += [square(kernel)] if layer == TEXTURE else np.split(kernel, 2)
    for index, kernel in enumerate(kernels):
        weights = [kernel, head.bias] if index == 0 else [kernel]
        network.get_layer(f"{FLOAT_PREFIX}head{index}").set_weights(weights)


def layers_name(layers: Layers) -> str:
    """Their name in LAYERS."""
    return next(name for name, known in LAYERS.items() if known == layers)


def float_features(
    extractor: keras.Model, inputs: Tensor, tta_views: int, training: Training
) -> list[Floats]:
    """Features (N, F) of the inputs for each layer of `extractor`, computed in float."""
    import keras

    whole = keras.Model(extractor.input, head_vectors(extractor.outputs, tta_views))
    rows: list[list[Floats]] = []
    each = BATCH // tta_views
    with training.progress.steps("features", len(inputs)) as bar:
        for outputs in forward(whole, inputs, each):
            rows.append(by_layer(outputs))
            for _ in range(len(outputs[0])):
                bar.advance()
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def int8_features(
    extractor: keras.Model,
    payload: bytes,
    inputs: Tensor,
    tta_views: int,
    training: Training,
    what: str,
) -> list[Floats]:
    """Features (N, F) of the inputs for each layer of the int8 `payload` of `extractor`."""
    import keras

    given = [keras.Input(one.shape[1:]) for one in extractor.outputs]
    reading = keras.Model(given, head_vectors(given, tta_views))
    rows: list[list[Floats]] = []
    waiting: list[list[Floats]] = []
    with training.progress.steps(what, len(inputs)) as bar:
        for index, outputs in enumerate(int8_outputs(payload, inputs)):
            waiting.append(outputs)
            bar.advance()
            if len(waiting) == BATCH or index == len(inputs) - 1:
                batch = [_view_by_view(column) for column in zip(*waiting, strict=True)]
                rows.append(by_layer(listed(reading.predict_on_batch(batch))))
                waiting = []
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def by_layer(vectors: list[Floats]) -> list[Floats]:
    """Mean and maximum of a pool side by side, a texture's upper triangle: one for each layer."""
    rows, textures = vectors[: len(vectors) // 2 * 2], vectors[len(vectors) // 2 * 2 :]
    paired = [np.concatenate(rows[at : at + 2], axis=1) for at in range(0, len(rows), 2)]
    return paired + [triangle(one) for one in textures]


def _view_by_view(column: tuple[Floats, ...]) -> Floats:
    """Outputs (tta_views, ...) of N inputs -> (tta_views * N, ...), ordered by view, then input."""
    stacked = np.stack(column, axis=1)
    return stacked.reshape(-1, *stacked.shape[2:])
