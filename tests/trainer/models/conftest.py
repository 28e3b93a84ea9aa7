"""Backbone weights without a download: random, but alive in every layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Shared
from tests.trainer.models.small_mobilenet import POOLS, small_mobilenet
from trainer.models.image.backbone import BACKBONES


@pytest.fixture(scope="session")
def lively_weights(shared: Shared) -> str:
    """A file of them."""
    return str(shared("lively.weights.h5", write_lively_weights))


@pytest.fixture(scope="module")
def small_backbone() -> Iterator[None]:
    """`--weights none` gives a small network in the place of MobileNetV2."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras.applications.MobileNetV2", small_mobilenet)
        row = replace(BACKBONES["mobilenet_v2"], pools=POOLS)
        patch.setitem(BACKBONES, "mobilenet_v2", row)
        yield


def write_lively_weights(path: Path) -> None:
    """A weights file of MobileNetV2 without top whose random kernels keep the signal's size.

    Keras' own random start fades to 1e-13 at the last layer (He et al., ICCV 2015, says why).
    """
    import keras

    network = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            shape = layer.get_weights()[0].shape
            layer.set_weights([rng.normal(size=shape).astype(np.float32) * np.sqrt(2 / 9)])
        elif isinstance(layer, keras.layers.Conv2D):
            shape = layer.get_weights()[0].shape
            spread = np.sqrt(2 / np.prod(shape[:3]))
            layer.set_weights([rng.normal(size=shape).astype(np.float32) * spread])
    network.save_weights(path)
