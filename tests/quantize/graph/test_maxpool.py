"""Global maxima as pooling: the same numbers, out of an operator that int8 tools know."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest

from edge_agent.infer.runtime_choice import open_runtime
from quantize.graph.maxpool import pooled_maxima
from quantize.graph.read import parse_graph

SHAPES = {"images": ((6, 5, 4), (1, 2)), "signals": ((7, 4), (1,)), "channels": ((6, 5, 4), (3,))}
"""Name -> what the network takes, and the axes over which it takes the maximum."""


def converted(shape: tuple[int, ...], axes: tuple[int, ...]) -> bytes:
    """A float network that takes a maximum."""
    import keras
    import tensorflow as tf

    given = keras.Input(batch_shape=(1, *shape))
    gives = keras.layers.Dense(3)(keras.ops.max(keras.layers.ReLU()(given), axis=axes))
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(given, gives))
    with redirect_stdout(StringIO()):
        return bytes(converter.convert())


@pytest.fixture(scope="module")
def models() -> dict[str, bytes]:
    return {name: converted(*row) for name, row in SHAPES.items()}


@pytest.mark.parametrize("name", ["images", "signals"])
def test_the_pooling_gives_the_same_numbers(name: str, models: dict[str, bytes]) -> None:
    pooled = pooled_maxima(models[name])
    names = [op.name for op in parse_graph(pooled, "pooled").ops]
    assert "MAX_POOL_2D" in names
    assert "REDUCE_MAX" not in names
    random = np.random.default_rng(0)
    before, after = open_runtime(models[name]), open_runtime(pooled)
    for _ in range(5):
        given = random.standard_normal((1, *SHAPES[name][0])).astype(np.float32)
        assert np.array_equal(before.invoke([given])[0], after.invoke([given])[0])


def test_a_maximum_over_channels_stays(models: dict[str, bytes]) -> None:
    names = [op.name for op in parse_graph(pooled_maxima(models["channels"]), "pooled").ops]
    assert "REDUCE_MAX" in names
    assert "MAX_POOL_2D" not in names
