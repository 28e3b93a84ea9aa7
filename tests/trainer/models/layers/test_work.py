"""What a traced network does is what its int8 file does, as the quantiser reads it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from benchmarks.int8 import convert_images
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from quantize.graph.read import parse_graph
from quantize.graph.work import work_of as work_of_file
from trainer.models.layers.work import work_of, works_of


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """Every kind of work once: plain, depthwise, a sum, a mean and a head that stays in float."""
    pixels = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(pixels)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Add()([x, layers.Conv2D(8, 1)(y)])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, layers.Dense(4, name=f"{FLOAT_PREFIX}head")(x))


def test_work_of_layers_is_what_arithmetic_says(network: keras.Model) -> None:
    work = work_of(network)
    assert work.convolution_macs == 16 * 16 * 8 * 27 + 16 * 16 * 8 * 8
    assert work.depthwise_macs == 16 * 16 * 8 * 9
    assert work.float_macs == 8 * 4
    assert work.operators == 6
    assert work.written_bytes == 16 * 16 * 8 + 8


def test_the_converted_file_does_the_same_work(network: keras.Model) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    traced, found = work_of(network), work_of_file(parse_graph(convert_images(network, pixels), ""))
    for name in ("convolution_macs", "depthwise_macs", "float_macs"):
        assert getattr(found, name) == getattr(traced, name)
    assert traced.operators <= found.operators <= traced.operators + 4


def test_four_views_are_four_times_the_work(network: keras.Model) -> None:
    pixels = keras.Input((32, 32, 3))
    views = layers.Concatenate(axis=0)([pixels, pixels[:, ::-1], pixels, pixels[:, ::-1]])
    several = work_of(keras.Model(pixels, network(views)))
    assert several.convolution_macs == 4 * work_of(network).convolution_macs


def test_the_work_up_to_one_of_several_outputs_leaves_out_what_the_others_need(
    network: keras.Model,
) -> None:
    first = network.layers[1].output
    both = keras.Model(network.input, [first, network.output])
    early, whole, together = works_of(both, [[0], [1], [0, 1]])
    assert early.convolution_macs == 16 * 16 * 8 * 27
    assert early.operators == 1
    assert whole == work_of(network) == together
