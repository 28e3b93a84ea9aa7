"""Parts of a network in float: which tensors stay, what int8 costs each layer, what comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from edge_agent.contracts.model.true_ranges import calibrated
from edge_agent.infer.runtime_choice import open_runtime
from quantize.convert.mixed import float_tensors, has_float_layers, quantise_calibrated
from quantize.convert.sensitivity import most_sensitive_tensors

SAMPLES = np.random.default_rng(3).integers(0, 256, (24, 8, 8, 1)).astype(np.float32)


def network(head: str) -> Any:
    """Pixels to 2 values; the second of two convolutions has one loud channel."""
    import keras

    keras.utils.set_random_seed(4)
    pixels = keras.Input(batch_shape=(1, 8, 8, 1))
    x = keras.layers.Rescaling(1 / 255.0)(pixels)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="first")(x)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="second")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, keras.layers.Dense(2, name=head)(x))


@pytest.fixture(scope="module")
def mixed() -> tuple[Any, Any, bytes]:
    """The network with a float head, its converter, and its calibrated file."""
    import tensorflow as tf

    built = network(f"{FLOAT_PREFIX}head")
    converter = tf.lite.TFLiteConverter.from_keras_model(built)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in SAMPLES)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return built, converter, calibrated(converter, SAMPLES)


def test_only_a_prefixed_layer_asks_for_float(mixed: tuple[Any, Any, bytes]) -> None:
    assert has_float_layers(mixed[0])
    assert not has_float_layers(network("head"))


def test_the_float_head_leaves_a_uint8_input_and_a_float_output_near_the_network(
    mixed: tuple[Any, Any, bytes],
) -> None:
    built, converter, calibrated = mixed
    names = float_tensors(calibrated)
    assert any(FLOAT_PREFIX in name for name in names)
    runtime = open_runtime(quantise_calibrated(converter, calibrated, True, names))
    assert runtime.inputs[0].dtype == "uint8"
    assert runtime.outputs[0].dtype == "float32"
    exact = np.concatenate([np.asarray(built(sample[None])) for sample in SAMPLES])
    coarse = np.concatenate(
        [runtime.invoke([sample[None].astype(np.uint8)])[0] for sample in SAMPLES]
    )
    assert np.abs(coarse - exact).max() < 0.05 * np.ptp(exact)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_fifth_of_the_layers_and_at_least_one_is_named_with_its_damage_in_quanta(
    mixed: tuple[Any, Any, bytes],
) -> None:
    _, _, calibrated = mixed
    exact, notes = float_tensors(calibrated), []
    worst = most_sensitive_tensors(calibrated, SAMPLES, exact, notes)
    assert len(worst) == len(notes) == 1
    assert worst[0] not in exact
    damage = float(notes[0].rpartition("(")[2].removesuffix(" quanta)"))
    assert 0.1 < damage < 3, "plain rounding alone is 0.29 quanta"
