"""LiteRT judges images as Keras does: the order of outputs, and the weights of this moment."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from trainer.training import predict as predict_module
from trainer.training.float_runtime import float_runtime
from trainer.training.predict import forward, in_keras, predict

RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (9, 24, 24, 3)).astype(np.uint8)


@pytest.fixture(autouse=True)
def _always_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_module, "WORTH_CONVERTING", 1)


def _network(outputs: int) -> keras.Model:
    layers = keras.layers
    pixels = keras.Input((24, 24, 3))
    x = layers.Rescaling(1 / 255)(pixels)
    x = layers.DepthwiseConv2D(3, depth_multiplier=4, activation="relu")(x)
    pooled = layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, [layers.Dense(2 + place)(pooled) for place in range(outputs)])


def _round_trip(values: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.erf(keras.ops.erfinv(values / 512))


def test_every_output_is_that_of_keras_in_the_same_order() -> None:
    network = _network(outputs=12)
    expected = in_keras(network, IMAGES)
    batches = list(forward(network, IMAGES, 4))
    assert [len(batch[0]) for batch in batches] == [4, 4, 1]
    for place, wanted in enumerate(expected):
        found = np.concatenate([batch[place] for batch in batches])
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_weights_that_change_count_at_once() -> None:
    network = _network(outputs=1)
    before = predict(network, IMAGES)
    network.set_weights([weights * 2 for weights in network.get_weights()])
    after = predict(network, IMAGES)
    np.testing.assert_allclose(after, in_keras(network, IMAGES)[0], atol=1e-5)
    assert np.abs(after - before).max() > 1e-3


def test_a_layer_that_litert_does_not_have_is_run_by_keras() -> None:
    pixels = keras.Input((24, 24, 3))
    values = keras.ops.reshape(pixels, (-1, 24 * 24 * 3))
    ranks = keras.layers.Lambda(_round_trip, output_shape=(1728,))
    network = keras.Model(pixels, ranks(values))
    assert float_runtime(network) is None
    np.testing.assert_allclose(predict(network, IMAGES), IMAGES.reshape(9, -1) / 512, atol=1e-4)
