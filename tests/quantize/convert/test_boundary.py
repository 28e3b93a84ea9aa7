"""Where int8 ends and float begins: a tensor that crosses keeps the scale of its own range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from edge_agent.contracts.model.true_ranges import calibrated as with_ranges
from edge_agent.infer.runtime_choice import open_runtime
from quantize.convert.boundary import CROSSING, rejoined, set_apart
from quantize.convert.mixed import float_tensors, quantise_calibrated
from quantize.graph.read import parse_graph

SAMPLES = np.random.default_rng(3).integers(0, 256, (24, 8, 8, 3)).astype(np.float32)
LOUD = 1000.0


@pytest.fixture(scope="module")
def network() -> Any:
    """Pixels to 4 values: a loud and a quiet tap, pooled and joined in float, where the quiet one
    counts LOUD times as much.
    """
    import keras
    from keras import layers

    keras.utils.set_random_seed(4)
    pixels = keras.Input(batch_shape=(1, 8, 8, 3))
    scaled = layers.Rescaling(1 / 255.0)(pixels)
    loud = layers.Conv2D(2, 3, activation="relu", name="loud")(scaled)
    quiet = layers.Conv2D(2, 3, activation="relu", name="quiet")(scaled)
    pooled = [layers.AveragePooling2D(3, name=f"{FLOAT_PREFIX}pool{n}")(one)
              for n, one in enumerate((loud, quiet))]  # fmt: skip
    joined = layers.Concatenate(name=f"{FLOAT_PREFIX}joined")(pooled)
    weighed = layers.Conv2D(4, 1, use_bias=False, name=f"{FLOAT_PREFIX}weighed")(joined)
    built = keras.Model(pixels, layers.Flatten(name=f"{FLOAT_PREFIX}flat")(weighed))
    kernel, bias = built.get_layer("loud").get_weights()
    built.get_layer("loud").set_weights([LOUD * np.abs(kernel), bias])
    kernel, bias = built.get_layer("quiet").get_weights()
    built.get_layer("quiet").set_weights([np.abs(kernel), bias])
    kernel = np.diag(np.array([1, 1, LOUD, LOUD], np.float32))[None, None]
    built.get_layer(f"{FLOAT_PREFIX}weighed").set_weights([kernel])
    return built


@pytest.fixture(scope="module")
def converter(network: Any) -> Any:
    import tensorflow as tf

    made = tf.lite.TFLiteConverter.from_keras_model(network)
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.representative_dataset = lambda: ([sample[None]] for sample in SAMPLES)
    made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return made


@pytest.fixture(scope="module")
def calibrated(converter: Any) -> bytes:
    return with_ranges(converter, SAMPLES)


def test_a_quiet_tap_is_as_fine_beside_a_loud_one(
    network: Any, converter: Any, calibrated: bytes
) -> None:
    payload = quantise_calibrated(converter, calibrated, True, float_tensors(calibrated))
    runtime = open_runtime(payload)
    given = [sample[None].astype(np.uint8) for sample in SAMPLES]
    coarse = np.concatenate([runtime.invoke([one])[0] for one in given])
    exact = np.concatenate([np.asarray(network(sample[None])) for sample in SAMPLES])
    error = np.sqrt(np.mean((coarse - exact) ** 2, axis=0)) / exact.std(axis=0)
    runtime.close()
    assert error.max() < 0.1, "rounding to the loud tap's scale gives 3 and more"


def test_nothing_is_left_of_the_crossings_and_the_float_layers_are_float(
    converter: Any, calibrated: bytes
) -> None:
    payload = quantise_calibrated(converter, calibrated, True, float_tensors(calibrated))
    graph = parse_graph(payload, "model.tflite")
    assert CROSSING.encode() not in b"".join(
        graph.tensors[index].name.encode() for op in graph.ops for index in op.outputs
    )
    pools = [op for op in graph.ops if op.name == "AVERAGE_POOL_2D"]
    assert [graph.tensors[op.outputs[0]].dtype for op in pools] == ["FLOAT32", "FLOAT32"]
    assert "COS" not in [op.name for op in graph.ops]


def test_a_model_that_was_set_apart_and_rejoined_computes_the_same(calibrated: bytes) -> None:
    apart, names = set_apart(calibrated, float_tensors(calibrated))
    assert len(names) == 2
    outputs = []
    for payload in (calibrated, rejoined(apart)):
        runtime = open_runtime(payload)
        outputs.append(runtime.invoke([SAMPLES[:1]])[0])
        runtime.close()
    np.testing.assert_array_equal(outputs[1], outputs[0])


def test_a_model_without_crossings_stays_as_it_was(calibrated: bytes) -> None:
    assert rejoined(calibrated) is calibrated
