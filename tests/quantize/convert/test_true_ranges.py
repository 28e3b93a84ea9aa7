"""What a residual block adds keeps the range of its own, in the workshop's copy of the station's
rounding and in the station's network alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_agent.contracts.model import true_ranges
from edge_agent.contracts.model.true_ranges import calibrated, with_true_ranges
from quantize.convert.converter import frozen
from quantize.graph.read import parse_graph
from trainer.models.layers.int8 import converted

SAMPLES = np.random.default_rng(3).integers(0, 256, (12, 16, 16, 3)).astype(np.float32)
LOUD = 100.0
"""How many times as loud the shortcut is as what is added to it."""


@pytest.fixture(scope="module")
def network() -> Any:
    """Two residual blocks whose own part is quiet beside the shortcut."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(4)
    pixels = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, padding="same", name="loud")(layers.Rescaling(1 / 255)(pixels))
    for number in range(2):
        own = layers.Conv2D(8, 3, padding="same", name=f"quiet{number}")(x)
        x = layers.Add(name=f"sum{number}")([x, own])
    built = keras.Model(pixels, layers.Conv2D(4, 1, name="last")(x))
    for name in ("quiet0", "quiet1"):
        layer = built.get_layer(name)
        layer.set_weights([weights / LOUD for weights in layer.get_weights()])
    return built


def _converter(network: Any) -> Any:
    import tensorflow as tf

    made = tf.lite.TFLiteConverter.from_concrete_functions([frozen(network)])
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return made


def _scale(payload: bytes, layer: str) -> float:
    graph = parse_graph(payload, "model.tflite")
    scales = [
        graph.tensors[op.outputs[0]].scales[0]
        for op in graph.ops
        if op.name == "CONV_2D" and f"/{layer}_1/" in graph.tensors[op.outputs[0]].name
    ]
    assert len(scales) == 1
    return scales[0]


def _spread(network: Any, layer: str) -> float:
    """From the least to the largest value by Keras, 0 included."""
    import keras

    values = keras.Model(network.input, network.get_layer(layer).output).predict_on_batch(SAMPLES)
    return float(max(values.max(), 0) - min(values.min(), 0))


def test_measured_ranges_are_those_of_keras(network: Any) -> None:
    from ai_edge_litert import schema_py_generated as schema

    network_of_ranges = calibrated(_converter(network), SAMPLES)
    graph = schema.ModelT.InitFromPackedBuf(network_of_ranges).subgraphs[0]
    for layer in ("quiet0", "quiet1"):
        (tensor,) = [
            one
            for one in graph.tensors
            if f"/{layer}_1/" in one.name.decode()
            and one.quantization is not None
            and np.size(one.quantization.min) == 1
            and one.shape[-1] == 8
            and len(one.shape) == 4
            and one.shape[1] == 16
        ]
        spread = float(np.max(tensor.quantization.max) - np.min(tensor.quantization.min))
        assert spread == pytest.approx(_spread(network, layer), rel=1e-3)


@pytest.mark.parametrize("layer", ["quiet0", "quiet1"])
def test_a_block_is_rounded_by_its_own_range(network: Any, layer: str) -> None:
    payload = converted(network, SAMPLES.astype(np.uint8))
    assert _scale(payload, layer) == pytest.approx(_spread(network, layer) / 255, rel=0.1)


def test_every_range_is_the_one_of_all_samples_by_the_calibrator(network: Any) -> None:
    """But for what is written over, which the calibrator takes for too much."""
    ours = _ranges_of(calibrated(_converter(network), SAMPLES))
    seen = true_ranges._by_calibrator(_converter(network), SAMPLES)
    theirs = _ranges_of(with_true_ranges(seen, SAMPLES))
    assert ours.keys() == theirs.keys()
    assert len(ours) == 7
    for name, ends in ours.items():
        assert ends == pytest.approx(theirs[name], rel=1e-4, abs=1e-4), name


def test_a_network_with_memory_is_left_to_the_calibrator_with_all_samples(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(true_ranges, "_is_plain", lambda _: False)
    seen = true_ranges._by_calibrator(_converter(network), SAMPLES)
    found = _ranges_of(calibrated(_converter(network), SAMPLES))
    assert found == _ranges_of(with_true_ranges(seen, SAMPLES))


def _ranges_of(payload: bytes) -> dict[str, tuple[float, float]]:
    from ai_edge_litert import schema_py_generated as schema

    tensors = schema.ModelT.InitFromPackedBuf(payload).subgraphs[0].tensors
    kept = {one.name.decode(): one.quantization for one in tensors}
    return {
        name: (float(one.min[0]), float(one.max[0]))
        for name, one in kept.items()
        if one is not None and one.min is not None and np.size(one.min) == 1
    }
