"""int16 activations and int8 weights: what the float layers of a network become there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from edge_agent.contracts.model.scoring import quantise
from edge_agent.infer.runtime_choice import open_runtime
from quantize.convert.converter import frozen, static_batch
from quantize.convert.mixed import float_tensors, has_float_layers
from quantize.convert.wide import quantise_wide
from quantize.graph.read import Graph, parse_graph
from tests.trainer.models.conftest import small_backbone
from trainer.config.fit import FitConfig
from trainer.models.architectures import architectures

__all__ = ["small_backbone"]
SIDE_PX = 64
IMAGE_MODELS: dict[str, dict[str, object]] = {
    "autoencoder": {},
    "local": {},
    "padim": {},
    "padim without head": {"synthetic_share": 0},
    "patchcore": {"prototypes": 32},
    "transfer": {"layers": "texture", "tta_views": 1},
    "transfer of four views": {"layers": "mixed", "tta_views": 4},
}


def two_branches() -> Any:
    """(8, 8, 3) pixels -> a mean and a heat map in float, of a convolution and of the pixels."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(4)
    pixels = keras.Input((8, 8, 3))
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(pixels))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    joined = layers.Concatenate(name=f"{FLOAT_PREFIX}joined")([x, pixels])
    heat = layers.Conv2D(1, 1, name=f"{FLOAT_PREFIX}heat")(joined)
    return keras.Model(
        pixels, [layers.GlobalAveragePooling2D(name=f"{FLOAT_PREFIX}mean")(heat), heat]
    )


def float_file(network: Any) -> bytes:
    import tensorflow as tf

    made = tf.lite.TFLiteConverter.from_concrete_functions([frozen(static_batch(network))])
    return bytes(made.convert())


def pictures(side: int, count: int = 6) -> np.ndarray:
    """float32 (N, side, side, 3), 0 to 255: blocks of 4 px."""
    blocks = np.random.default_rng(2).integers(0, 256, (count, side // 4, side // 4, 3))
    drawn = np.kron(blocks, np.ones((1, 4, 4, 1))).astype(np.float32)
    drawn[0, 0, 0], drawn[0, -1, -1] = 0, 255
    return drawn


def outputs(payload: bytes, inputs: np.ndarray) -> list[np.ndarray]:
    """Each output of all inputs: (N, ...)."""
    runtime = open_runtime(payload)
    given = runtime.inputs[0]
    rows = []
    for one in inputs:
        tensor = one if given.dtype == "float32" else quantise(
            one, given.scale, given.zero_point, given.dtype
        )  # fmt: skip
        rows.append([np.array(each) for each in runtime.invoke([tensor[None]])])
    runtime.close()
    return [np.concatenate(each) for each in zip(*rows, strict=True)]


def dtypes(graph: Graph, name: str) -> list[str]:
    """Of the outputs of the operators of this kind."""
    return [graph.tensors[op.outputs[0]].dtype for op in graph.ops if op.name == name]


def test_float_layers_stay_in_float_and_the_others_become_int16() -> None:
    network = float_file(two_branches())
    wide = quantise_wide(network, pictures(8), float_tensors(network))
    graph = parse_graph(wide, "model.tflite")
    assert dtypes(graph, "CONV_2D") == ["INT16", "INT16", "FLOAT32"]
    assert dtypes(graph, "CONCATENATION") == ["FLOAT32"]
    assert [graph.tensors[index].dtype for index in graph.inputs] == ["INT16"]
    for ours, exact in zip(outputs(wide, pictures(8)), outputs(network, pictures(8)), strict=True):
        assert ours.shape == exact.shape
        assert np.abs(ours - exact).max() < 0.02 * np.ptp(exact)


def test_where_every_layer_stays_in_float_it_says_so() -> None:
    import keras

    pixels = keras.Input((8, 8, 3))
    network = float_file(keras.Model(pixels, keras.layers.Flatten(name="float_flat")(pixels)))
    with pytest.raises(ConversionError, match=r"every layer stays in float.*float16"):
        quantise_wide(network, pictures(8), float_tensors(network))


@pytest.mark.slow
@pytest.mark.usefixtures("small_backbone")
@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_every_image_model_with_float_layers_converts(name: str) -> None:
    import keras

    keras.utils.set_random_seed(3)
    model = architectures()[name.split()[0]]
    spec, config = ImageInput(width_px=SIDE_PX, height_px=SIDE_PX), FitConfig(weights="none")
    network = model.build(spec, 3, config, model.options.model_validate(IMAGE_MODELS[name]))
    assert has_float_layers(network)
    exact = float_file(network)
    given = pictures(SIDE_PX)
    wide = quantise_wide(exact, given, float_tensors(exact))
    graph = parse_graph(wide, "model.tflite")
    assert "INT16" in dtypes(graph, "CONV_2D")
    names = {graph.tensors[op.outputs[0]].name: op for op in graph.ops}
    in_float = [one for one in names if FLOAT_PREFIX in one]
    assert in_float
    assert {graph.tensors[names[one].outputs[0]].dtype for one in in_float} == {"FLOAT32"}
    expected, found = outputs(exact, given), outputs(wide, given)
    assert [one.shape for one in found] == [one.shape for one in expected]
    assert all(np.isfinite(one).all() for one in found)


def test_the_list_above_misses_no_image_model() -> None:
    tried = {name.split()[0] for name in IMAGE_MODELS}
    image = {row.name for row in architectures().values() if "image" in " ".join(row.tasks)}
    assert image - tried == {"auto-anomaly", "cnn"}, "padim or patchcore; has no float layers"
