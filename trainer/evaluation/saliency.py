"""Saliency maps: its head's contributions, or the network's own heat map where it has one.

Gradient times activation, place by place (HiResCAM, Draelos & Carin, arXiv 2011.08891), of the
score's own margin: how much more the defects' logits weigh than the good ones'. All maps that the
head reads count, not only the last: a transferred head reads low layers too. Whether a map depends
on what was learnt at all is checked after Adebayo et al., Sanity Checks for Saliency Maps (NeurIPS
2018): with random weights it must change.
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
from trainer.models.image.synthetic_defect_head import HEAT

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Heat = NDArray[np.float32]
"""float32 (H, W), 0 to 1, as large as the network's input."""

STRENGTH = 0.55
BLUE = (20.0, 60.0, 255.0)
SMOOTH = 48
"""A map is smoothed by this part of its longer side, so that a single cell can be seen."""

MIRRORED = (
    (slice(None), slice(None)),
    (slice(None), slice(None, None, -1)),
    (slice(None, None, -1), slice(None)),
    (slice(None, None, -1), slice(None, None, -1)),
)
"""The test-time views of `transfer`, in the order of pooling.feature_extractor."""


def heat_of(network: keras.Model, spec: ModelSpec, picture: Tensor) -> Heat:
    """Where the evidence for the score lies in one input, uint8 spec.input.shape.

    Raises ConfigError for a network without a map: no images, or no pooling over places.
    """
    if not isinstance(spec.input, ImageInput):
        raise ConfigError("only image models can be explained", where=spec.name)
    batch = picture[None].astype(np.float32)
    if len(network.outputs) > 1:
        return _spread(np.asarray(network.predict_on_batch(batch)[1], np.float32)[0], picture)
    if (cells := _defect_cells(network)) is not None:
        odds = np.asarray(cells(batch, training=False), np.float32)[0]
        return _spread(1 / (1 + np.exp(-odds.max(axis=2))), picture)
    return _spread(np.maximum(_contributions(network, spec, batch), 0), picture)


def overlay(picture: Tensor, heat: Heat, side_px: int = 256) -> Tensor:
    """The picture with the map over it, red where it is strongest: uint8 (side, side', 3) RGB."""
    below = _grown(picture, side_px)
    level = cv2.resize(heat, below.shape[1::-1], interpolation=cv2.INTER_LINEAR)[:, :, None]
    colours = cv2.applyColorMap((level * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[:, :, ::-1]
    weight = STRENGTH * np.sqrt(np.clip(level, 0, 1))
    return np.clip(below * (1 - weight) + colours * weight, 0, 255).astype(np.uint8)


def left_out(pictures: Tensor, shown: Heat, side_px: int = 256) -> Tensor:
    """The mean of pictures (N, H, W, C), blue where nothing is scored: uint8 (side, side', 3) RGB.

    shown: (G, H), the share of the pictures in which a place is scored.
    """
    below = _grown(pictures.astype(np.float32).mean(axis=0), side_px)
    seen = cv2.resize(shown, below.shape[1::-1], interpolation=cv2.INTER_NEAREST)[:, :, None]
    weight = STRENGTH * (1 - seen)
    mixed = below * (1 - weight) + np.array(BLUE) * weight
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


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


def _defect_cells(network: keras.Model) -> keras.Model | None:
    """Log odds (N, h, w, kinds) of a defect in each cell, where a head judges cells."""
    import keras

    heads = [layer for layer in network.layers if layer.name == HEAT]
    return keras.Model(network.inputs[0], heads[0].output) if heads else None


def _contributions(network: keras.Model, spec: ModelSpec, batch: NDArray[np.float32]) -> Heat:
    """What each place adds to the margin of the defects, over all maps that the head reads.

    Gradient times activation, exact where the head is linear in means and maxima; each map is
    spread over the input, so that a fine map's cell counts by its contribution and not by its size.
    """
    import keras
    import tensorflow as tf

    tensors = _maps_of_head(network, spec)
    maps = keras.Model(network.inputs[0], tensors)(batch, training=False)
    maps = list(maps) if isinstance(maps, list | tuple) else [maps]
    head = keras.Model(tensors, network.outputs[0])
    with tf.GradientTape() as tape:
        tape.watch(maps)
        margin = _margin(head(maps, training=False)[0], spec)
    slopes = tape.gradient(margin, maps)
    heats = [
        _mean_over_views((slope * seen).numpy().sum(axis=3))
        for slope, seen in zip(slopes, maps, strict=True)
    ]
    height, width = batch.shape[1:3]
    return np.asarray(sum(_density(heat, (width, height)) for heat in heats), np.float32)


def _margin(logits: tf.Tensor, spec: ModelSpec) -> tf.Tensor:
    """How much more the defects' logits weigh than the good ones'; else the largest logit."""
    import tensorflow as tf

    good = np.array([label in spec.good for label in spec.labels])
    if not good.any() or good.all():
        return tf.reduce_max(logits)
    bad_mass = tf.reduce_logsumexp(tf.boolean_mask(logits, ~good))
    return bad_mass - tf.reduce_logsumexp(tf.boolean_mask(logits, good))


def _maps_of_head(network: keras.Model, spec: ModelSpec) -> list[keras.KerasTensor]:
    """Every map (N, h, w, C) that a layer turns into a vector: by pooling, or as a texture."""
    maps: dict[int, keras.KerasTensor] = {}
    for layer in network.layers:
        given = layer.input if not isinstance(layer.input, list) else None
        made = layer.output if not isinstance(layer.output, list) else None
        if given is None or made is None or given is network.inputs[0]:
            continue
        if len(given.shape) == 4 and len(made.shape) < 4:
            maps[id(given)] = given
    if not maps:
        raise ConfigError(
            f"{spec.architecture} pools no places",
            where=spec.name,
            cure="explain a model that ends in global pooling, or a detector with a heat map",
        )
    return list(maps.values())


def _mean_over_views(heats: NDArray[np.float32]) -> NDArray[np.float32]:
    """(views, h, w) -> (h, w): of the picture as it is and mirrored three ways, mirrored back."""
    if len(heats) != len(MIRRORED):
        return np.asarray(heats.sum(axis=0))
    back = [heat[down, across] for heat, (down, across) in zip(heats, MIRRORED, strict=True)]
    return np.asarray(np.sum(back, axis=0))


def _density(heat: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """The same total over `size` (width, height), less its mean: where is more than elsewhere?"""
    grown = cv2.resize(heat, size, interpolation=cv2.INTER_LINEAR) * heat.size / (size[0] * size[1])
    smooth = cv2.GaussianBlur(grown, (0, 0), max(size) / SMOOTH)
    return np.asarray(smooth - smooth.mean(), np.float32)


def _grown(picture: Tensor, side_px: int) -> NDArray[np.float32]:
    """A picture (H, W, 1 or 3), `side_px` high: float32 (side, side', 3)."""
    size = (round(side_px * picture.shape[1] / picture.shape[0]), side_px)
    three = np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture
    return cv2.resize(three, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)


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
