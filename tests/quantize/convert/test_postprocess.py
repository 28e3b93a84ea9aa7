"""The last touch on a converted file."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from edge_agent.infer.runtime_choice import open_runtime
from quantize.convert.converter import static_batch
from quantize.convert.postprocess import HALVED_BYTES, halved, in_order
from quantize.graph.read import parse_graph

SMALL, LARGE = 8, 64
"""Channels: 3x3 kernels of 2 kB and of 18 kB."""


@pytest.fixture(scope="module")
def plain() -> bytes:
    keras.utils.set_random_seed(3)
    pixels = keras.Input((16, 16, 8))
    x = keras.layers.Conv2D(SMALL, 3, activation="relu", padding="same")(pixels)
    x = keras.layers.Conv2D(LARGE, 3, padding="same")(x)
    score = keras.layers.GlobalMaxPooling2D()(keras.layers.Conv2D(1, 1)(x))
    network = keras.Model(pixels, [score, x])
    return bytes(tf.lite.TFLiteConverter.from_keras_model(static_batch(network)).convert())


def _kernels(payload: bytes) -> list[tuple[str, int]]:
    """(type, bytes) of every kernel in the file, the smallest first."""
    tensors = parse_graph(payload, "x").tensors
    kernels = [one for one in tensors if one.constant and len(one.shape) == 4]
    return sorted(((one.dtype, len(one.data)) for one in kernels), key=lambda pair: pair[1])


def test_large_constants_are_halved_and_small_ones_stay(plain: bytes) -> None:
    last, small, large = 4 * LARGE, 4 * 9 * 8 * SMALL, 4 * 9 * SMALL * LARGE
    assert small < HALVED_BYTES < large
    assert _kernels(plain) == [("FLOAT32", last), ("FLOAT32", small), ("FLOAT32", large)]
    halves = ("FLOAT16", large // 2)
    assert _kernels(halved(plain)) == [("FLOAT32", last), ("FLOAT32", small), halves]


def test_a_halved_network_says_the_same(plain: bytes) -> None:
    given = np.random.default_rng(0).normal(size=(1, 16, 16, 8)).astype(np.float32)
    before, after = open_runtime(in_order(plain)), open_runtime(halved(plain))
    for one, other in zip(before.invoke([given]), after.invoke([given]), strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-3, atol=2e-3)
    before.close()
    after.close()
