"""Bias correction: what rounding shifts on average is put right, and never made worse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.contracts.model.flatbuffer import packed
from edge_agent.contracts.run_folder.run import open_run
from quantize.convert.bias import Means, correct_biases, int8_mean
from quantize.graph.read import parse_graph
from tests.quantize.conversion_cache import ConversionCache


@pytest.fixture(scope="module")
def discs(
    image_run: Path, image_bundle: Path, converter: ConversionCache
) -> tuple[bytes, bytes, Tensor]:
    """The int8 network, the float one, and calibration samples."""
    run = open_run(image_run)
    reference = converter(run, "float32").model
    return read_bundle(image_bundle).model, reference, run.calibration.astype(np.float32)


def shifted(model: bytes) -> bytes:
    """The model with the logits off by one: the bias of its dense layer is too large."""
    tree, graph = schema.ModelT.InitFromPackedBuf(model), parse_graph(model, "model")
    op = next(op for op in graph.ops if op.name == "FULLY_CONNECTED")
    given, weights = (graph.tensors[place] for place in op.inputs[:2])
    step = np.asarray(weights.scales) * given.scales[0]
    buffer = tree.buffers[tree.subgraphs[0].tensors[op.inputs[2]].buffer]
    values = np.frombuffer(bytes(bytearray(buffer.data)), np.int32) + np.round(1 / step)
    buffer.data = np.frombuffer(values.astype(np.int32).tobytes(), np.uint8)
    return packed(tree)


def test_a_shifted_bias_is_put_right(discs: tuple[bytes, bytes, Tensor]) -> None:
    model, reference, samples = discs
    sound = correct_biases(model, reference, samples)
    repaired = correct_biases(shifted(model), reference, samples)
    assert repaired.kept
    assert repaired.before > 2 * sound.before
    assert repaired.after < sound.after + 0.1 * (repaired.before - sound.before)


def test_weights_and_tensors_stay_as_they_are(discs: tuple[bytes, bytes, Tensor]) -> None:
    model, reference, samples = discs
    before = parse_graph(shifted(model), "before")
    repaired = correct_biases(shifted(model), reference, samples).model
    after = parse_graph(repaired, "after")
    assert [op.name for op in after.ops] == [op.name for op in before.ops]
    for old, new in zip(before.tensors, after.tensors, strict=True):
        assert (old.name, old.scales, old.zero_points) == (new.name, new.scales, new.zero_points)
        assert old.dtype == "INT32" or old.data == new.data


def test_one_sample_is_too_few_to_correct_by(discs: tuple[bytes, bytes, Tensor]) -> None:
    model, reference, samples = discs
    found = correct_biases(model, reference, samples[:1])
    assert not found.kept
    assert found.model == model


def test_what_would_get_worse_is_left_alone(discs: tuple[bytes, bytes, Tensor]) -> None:
    model, reference, samples = discs

    def wrong_mean(prefix: bytes, some: Tensor) -> Means:
        return int8_mean(prefix, some) + 5.0

    found = correct_biases(model, reference, samples, wrong_mean)
    assert not found.kept
    assert found.model == model
