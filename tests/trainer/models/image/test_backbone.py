"""Backbones by name: the same pixels as Keras's own networks, and layers where the table says."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from trainer.models.image.backbone import BACKBONES, features, load_backbone

SIDE_PX = 64


def lively(name: str, path: Path) -> keras.Model:
    """Keras's own network with kernels that keep the signal's size; its weights go to `path`."""
    row = BACKBONES[name]
    build = getattr(keras.applications, row.builder)
    network = build(include_top=False, weights=None, input_shape=(SIDE_PX, SIDE_PX, 3))
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
    theirs = lively(name, tmp_path / "own.weights.h5")
    mine = load_backbone(str(tmp_path / "own.weights.h5"), SIDE_PX, name)
    pixels = np.random.default_rng(1).integers(0, 256, (1, SIDE_PX, SIDE_PX, 3)).astype(np.float32)
    scaled = pixels / 127.5 - 1
    wanted = theirs(scaled if name == "mobilenet_v2" else pixels).numpy()
    np.testing.assert_allclose(mine(scaled).numpy(), wanted, atol=1e-4 * np.abs(wanted).max())
    row, names = BACKBONES[name], [layer.name for layer in mine.layers]
    sides = [tap.shape[1] for tap in features(mine, row.taps).outputs]
    assert sides == [SIDE_PX // 8, SIDE_PX // 16]
    places = [names.index(pool) for pool in row.pools]
    assert places == sorted(places)
    assert 0 < names.index(row.first) < names.index(row.upper) < names.index(row.taps[1])
    assert not any(layer.trainable for layer in mine.layers)


def test_weights_of_another_backbone_are_refused(lively_weights: str) -> None:
    with pytest.raises(ConfigError, match=r"not weights of MobileNetV3Small 1\.0 without top"):
        load_backbone(lively_weights, 32, "mobilenet_v3_small")


def test_an_unknown_backbone_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'mobilenet_v3_small'"):
        load_backbone("none", 32, "mobilenet_v3_smal")
