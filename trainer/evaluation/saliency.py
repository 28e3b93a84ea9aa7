"""Where a network looked: Grad-CAM for classifiers, the detector's own heat map for detectors.

Grad-CAM after Selvaraju et al. (ICCV 2017), of the score's own margin: how much more the defects'
logits weigh than the good ones'. Whether a map depends on what was learnt at all is checked after
Adebayo et al., Sanity Checks for Saliency Maps (NeurIPS 2018): with random weights it must change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec

if TYPE_CHECKING:
    import keras

Heat = NDArray[np.float32]
"""float32 (H, W), 0 to 1, as large as the network's input."""

STRENGTH = 0.55


def heat_of(network: keras.Model, spec: ModelSpec, picture: Tensor) -> Heat:
    """Where the evidence for the score lies in one input, uint8 spec.input.shape.

    Raises ConfigError for a network without a map: no images, or no pooling over places.
    """
    if not isinstance(spec.input, ImageInput):
        raise ConfigError("only image models can be explained", where=spec.name)
    batch = picture[None].astype(np.float32)
    if len(network.outputs) > 1:
        return _spread(np.asarray(network.predict_on_batch(batch)[1], np.float32)[0], picture)
    return _spread(_grad_cam(network, spec, batch), picture)


def overlay(picture: Tensor, heat: Heat, side_px: int = 256) -> Tensor:
    """The picture with the map over it, red where it is strongest: uint8 (side, side', 3) RGB."""
    grown = (round(side_px * picture.shape[1] / picture.shape[0]), side_px)
    three = np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture
    below = cv2.resize(three, grown, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    level = cv2.resize(heat, grown, interpolation=cv2.INTER_LINEAR)[:, :, None]
    colours = cv2.applyColorMap((level * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[:, :, ::-1]
    weight = STRENGTH * np.sqrt(np.clip(level, 0, 1))
    return np.clip(below * (1 - weight) + colours * weight, 0, 255).astype(np.uint8)


def sanity(network: keras.Model, spec: ModelSpec, pictures: Tensor, seed: int = 0) -> float:
    """Mean rank correlation, -1 to 1, of the maps with those of the same network with random
    weights. Near 1: the maps show the picture's edges, not what was learnt."""
    import keras

    blank = keras.models.clone_model(network)
    rng = np.random.default_rng(seed)
    blank.set_weights([_shuffled(weight, rng) for weight in network.get_weights()])
    pairs = [
        (heat_of(network, spec, picture), heat_of(blank, spec, picture)) for picture in pictures
    ]
    agreements = [_rank_correlation(one, other) for one, other in pairs]
    return float(np.mean(agreements))


def _grad_cam(network: keras.Model, spec: ModelSpec, batch: NDArray[np.float32]) -> Heat:
    import keras
    import tensorflow as tf

    pooled = _last_map(network, spec)
    both = keras.Model(network.inputs[0], [pooled, network.outputs[0]])
    good = np.array([label in spec.good for label in spec.labels])
    with tf.GradientTape() as tape:
        places, logits = both(batch, training=False)
        if good.any() and not good.all():
            bad_mass = tf.reduce_logsumexp(tf.boolean_mask(logits[0], ~good))
            margin = bad_mass - tf.reduce_logsumexp(tf.boolean_mask(logits[0], good))
        else:
            margin = tf.reduce_max(logits[0])
    slopes = tape.gradient(margin, places).numpy()[0]
    weights = slopes.mean(axis=(0, 1))
    return np.asarray(np.maximum((places.numpy()[0] * weights).sum(axis=2), 0), np.float32)


def _last_map(network: keras.Model, spec: ModelSpec) -> keras.KerasTensor:
    """What the last pooling over all places takes in: (N, h, w, channels)."""
    import keras

    pools = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)
    for layer in reversed(network.layers):
        if isinstance(layer, pools):
            return layer.input
    raise ConfigError(
        f"{spec.architecture} pools no places",
        where=spec.name,
        cure="explain a model that ends in global pooling, or a detector with a heat map",
    )


def _spread(heat: NDArray[np.float32], picture: Tensor) -> Heat:
    """Any map as (H, W) of the picture, its least 0 and its most 1."""
    flat = heat.reshape(heat.shape[:2]).astype(np.float32)
    size = (picture.shape[1], picture.shape[0])
    grown = cv2.resize(flat, size, interpolation=cv2.INTER_CUBIC)
    low, high = float(grown.min()), float(grown.max())
    return np.asarray((grown - low) / (high - low) if high > low else grown * 0, np.float32)


def _shuffled(weight: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Random values of the same mean and spread; a scalar stays."""
    if weight.size < 2:
        return weight
    drawn = rng.normal(weight.mean(), weight.std(), weight.shape)
    positive = bool((weight >= 0).all())
    return np.asarray(np.abs(drawn) if positive else drawn, weight.dtype)


def _rank_correlation(one: Heat, other: Heat) -> float:
    first, second = (np.argsort(np.argsort(heat[::2, ::2].ravel())) for heat in (one, other))
    return float(np.corrcoef(first, second)[0, 1])
