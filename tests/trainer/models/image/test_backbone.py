"""Backbones by name: the same pixels as Keras's own networks, and layers where the table says."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from trainer.models.image.backbone import (
    BACKBONES,
    JOINED,
    LEVELS,
    Pretrained,
    backbone_name,
    features,
    level_names,
    load_backbone,
)
from trainer.models.image.efficientnet_lite0 import NAME, packaged_weights

SIDE_PX = 64


def lively(name: str, path: Path) -> keras.Model:
    """Keras's own network with kernels that keep the signal's size; its weights go to `path`."""
    row = BACKBONES[name]
    build = getattr(keras.applications, row.builder)
    width = {} if row.width == 1 else {"alpha": row.width}
    network = build(include_top=False, weights=None, input_shape=(SIDE_PX, SIDE_PX, 3), **width)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if weight.path.endswith("kernel"):
            inputs = 9 if "depthwise" in weight.path else np.prod(weight.shape[:3])
            weight.assign(rng.normal(size=weight.shape) * np.sqrt(2 / inputs))
    network.save_weights(path)
    return network


LARGE = ("efficientnet_v2_b0",)
BUILT = [
    pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else [])
    for name, row in BACKBONES.items()
    if row.builder
]


@pytest.mark.parametrize("name", BUILT)
def test_a_weights_file_of_keras_gives_what_keras_gives(name: str, tmp_path: Path) -> None:
    row, theirs = BACKBONES[name], lively(name, tmp_path / "own.weights.h5")
    mine = load_backbone(Pretrained(name, str(tmp_path / "own.weights.h5")), SIDE_PX)
    pixels = np.random.default_rng(1).integers(0, 256, (1, SIDE_PX, SIDE_PX, 3)).astype(np.float32)
    scaled = pixels / 127.5 - 1
    wanted = theirs(scaled if row.builder == "MobileNetV2" else pixels).numpy()
    np.testing.assert_allclose(mine(scaled).numpy(), wanted, atol=1e-4 * np.abs(wanted).max())
    names = [layer.name for layer in mine.layers]
    sides = [tap.shape[1] for tap in features(mine, row.taps).outputs]
    assert sides == [SIDE_PX // 8, SIDE_PX // 16]
    places = [names.index(pool) for pool in row.pools]
    assert places == sorted(places)
    assert 0 < names.index(row.first) < names.index(row.upper) < names.index(row.taps[1])
    assert not any(layer.trainable for layer in mine.layers)


def test_weights_of_another_backbone_are_refused(lively_weights: str) -> None:
    with pytest.raises(ConfigError, match=r"not weights of MobileNetV3Small 1\.0 without top"):
        load_backbone(Pretrained("mobilenet_v3_small", lively_weights), 32)


def test_an_unknown_backbone_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'mobilenet_v3_small'"):
        load_backbone(Pretrained("mobilenet_v3_smal", "none"), 32)


@pytest.mark.parametrize("name", BACKBONES)
def test_detectors_read_each_backbone_at_the_same_resolutions(name: str) -> None:
    network = load_backbone(Pretrained(name, "none"), SIDE_PX)
    sides = [one.shape[1] for one in features(network, level_names(name, LEVELS)).outputs]
    assert sides == [SIDE_PX // 4, SIDE_PX // 8, SIDE_PX // 16, SIDE_PX // 16]


def test_a_joined_backbone_holds_the_channels_of_both(lively_weights: str) -> None:
    if packaged_weights() is None:
        pytest.skip("the packaged weights are not installed")
    joined = load_backbone(Pretrained(JOINED, lively_weights), SIDE_PX)
    alone = [
        (load_backbone(Pretrained("mobilenet_v2", lively_weights), SIDE_PX), "mobilenet_v2"),
        (load_backbone(Pretrained(NAME, NAME), SIDE_PX), NAME),
    ]
    pixels = np.random.default_rng(1).uniform(-1, 1, (1, SIDE_PX, SIDE_PX, 3)).astype(np.float32)
    for side in range(5):
        pool = features(joined, [BACKBONES[JOINED].pools[side]])(pixels)
        parts = [features(one, [BACKBONES[name].pools[side]])(pixels) for one, name in alone]
        np.testing.assert_allclose(pool, np.concatenate(parts, axis=3), rtol=1e-4, atol=1e-4)
    for level in LEVELS:
        cells = features(joined, level_names(JOINED, [level]))(pixels)
        parts = [features(one, level_names(name, [level]))(pixels) for one, name in alone]
        np.testing.assert_allclose(cells, np.concatenate(parts, axis=3), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("weights", "backbone"),
    [
        (NAME, NAME),
        ("some.weights.h5", "mobilenet_v2"),
        ("folder/efficientnet_v2_b0.weights.h5", "efficientnet_v2_b0"),
        ("mobilenet_v3_small-2024.h5", "mobilenet_v3_small"),
    ],
)
def test_the_name_of_the_weights_sets_the_backbone(weights: str, backbone: str) -> None:
    assert backbone_name("auto", weights) == backbone
    assert backbone_name("mobilenet_v2", weights) == "mobilenet_v2"
