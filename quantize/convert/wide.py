"""Networks with int16 activations and int8 weights, and a float head in the same file.

TensorFlow's quantiser for int16 quantises a file as a whole: it has no list of what stays in float,
and it refuses operators that only float layers need. So the float network is cut where its float
layers begin, the part before them is quantised alone, and the float layers are put behind it again,
each reading a dequantised copy of what crosses. The layout is TFLite's schema.fbs, version 3.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.flatbuffer import packed
from quantize.convert.postprocess import halved
from quantize.graph.operator_codes import operator_code

DEQUANTIZE_VERSION = 3
"""The first that reads int16."""

QuantiseBody = Callable[[bytes, Tensor], bytes]
"""(float .tflite, float32 samples (N, *shape)) -> the same with int16 inputs and outputs."""


@dataclass(frozen=True)
class Cut:
    """body: the network up to the tensors that cross, which are its outputs; network: all of it, as
    an object tree; crossing: places of these tensors in it; float_ops: places of the operators
    behind them.
    """

    body: bytes
    network: Any
    crossing: tuple[int, ...]
    float_ops: tuple[int, ...]


def quantise_wide(
    network: bytes, samples: Tensor, exact: list[str], quantise: QuantiseBody | None = None
) -> bytes:
    """int16 activations but for the tensors named in `exact` and all that is computed from them.

    network: the float .tflite; samples: float32 (N, *shape), by which ranges become scales.
    Raises ConversionError where nothing is left to quantise.
    """
    parts = cut(network, exact)
    body = (quantise or quantise_body)(parts.body, samples)
    return halved(join(parts, body))


def cut(network: bytes, exact: list[str]) -> Cut:
    """The float network cut before the tensors named in `exact`."""
    tree = schema.ModelT.InitFromPackedBuf(network)
    graph, names = tree.subgraphs[0], set(exact)
    in_float = {n for n, one in enumerate(graph.tensors) if one.name.decode() in names}
    computed, crossing = set(map(int, graph.inputs)), []
    float_ops = []
    for place, op in enumerate(graph.operators):
        outputs, inputs = set(map(int, op.outputs)), [int(one) for one in op.inputs]
        if in_float & outputs or in_float & computed & set(inputs):
            float_ops.append(place)
            in_float |= outputs
            crossing += [one for one in inputs if one in computed - in_float]
        computed |= outputs
    if len(float_ops) == len(graph.operators):
        raise ConversionError(
            "every layer stays in float, so int16 activations change nothing",
            cure="take the variant float16 or float32",
        )
    once = tuple(dict.fromkeys(crossing))
    return Cut(_body(network, once, set(float_ops)), tree, once, tuple(float_ops))


def join(parts: Cut, body: bytes) -> bytes:
    """The quantised `body` with the float operators of the network behind it."""
    tree = schema.ModelT.InitFromPackedBuf(body)
    graph, source = tree.subgraphs[0], parts.network.subgraphs[0]
    computed = [one for one in parts.crossing if one not in source.inputs]
    there = dict(zip(computed, map(int, graph.outputs), strict=True))
    there.update(zip(map(int, source.inputs), map(int, graph.inputs), strict=True))
    place_of = dict(_dequantised(tree, parts, there))
    copied = _Copied(tree, parts.network, place_of)
    for number in parts.float_ops:
        graph.operators.append(copied.operator(source.operators[number]))
    graph.outputs = [copied.tensor(int(one)) for one in source.outputs]
    tree.signatureDefs = copy.deepcopy(parts.network.signatureDefs)
    for signature in tree.signatureDefs or []:
        for one in signature.inputs:
            one.tensorIndex = there[one.tensorIndex]
        for one in signature.outputs:
            one.tensorIndex = copied.tensor(one.tensorIndex)
    return packed(tree)


def quantise_body(body: bytes, samples: Tensor) -> bytes:
    """A float .tflite without float layers as int16 activations and int8 weights."""
    import tensorflow as tf
    from tensorflow.lite.python.optimize.calibrator import Calibrator, add_intermediate_tensors

    def representative() -> Iterator[list[Tensor]]:
        for sample in samples:
            yield [sample[None]]

    calibrator = Calibrator(add_intermediate_tensors(body))
    made = calibrator.calibrate_and_quantize(
        representative,
        tf.int16,
        tf.int16,
        allow_float=False,
        activations_type=tf.int16,
        bias_type=tf.int64,
    )
    return bytes(made)


def _body(network: bytes, crossing: tuple[int, ...], float_ops: set[int]) -> bytes:
    """The network without its float operators and without what only they read."""
    tree = schema.ModelT.InitFromPackedBuf(network)
    graph = tree.subgraphs[0]
    graph.operators = [op for n, op in enumerate(graph.operators) if n not in float_ops]
    graph.outputs = [one for one in crossing if one not in graph.inputs]
    used = {int(one) for op in graph.operators for one in (*op.inputs, *op.outputs)} - {-1}
    kept = sorted(used | set(map(int, graph.inputs)))
    place_of = {old: new for new, old in enumerate(kept)} | {-1: -1}
    graph.tensors = [graph.tensors[old] for old in kept]
    for op in graph.operators:
        op.inputs = np.array([place_of[int(one)] for one in op.inputs], np.int32)
        op.outputs = np.array([place_of[int(one)] for one in op.outputs], np.int32)
    graph.inputs = [place_of[int(one)] for one in graph.inputs]
    graph.outputs = [place_of[int(one)] for one in graph.outputs]
    codes = sorted({op.opcodeIndex for op in graph.operators})
    for op in graph.operators:
        op.opcodeIndex = codes.index(op.opcodeIndex)
    tree.operatorCodes = [tree.operatorCodes[number] for number in codes]
    read = {one.buffer for one in graph.tensors}
    for number, buffer in enumerate(tree.buffers):
        if number not in read:
            buffer.data = None
    tree.signatureDefs = []
    return packed(tree)


def _dequantised(tree: Any, parts: Cut, there: dict[int, int]) -> Iterator[tuple[int, int]]:
    """(crossing tensor of the float network, its float copy in `tree`), each with an operator."""
    graph, source = tree.subgraphs[0], parts.network.subgraphs[0]
    code = operator_code(tree, schema.BuiltinOperator.DEQUANTIZE, DEQUANTIZE_VERSION)
    for index in parts.crossing:
        tensor = copy.copy(source.tensors[index])
        tensor.buffer, tensor.quantization = 0, None
        tensor.name = source.tensors[index].name + b"_float"
        graph.tensors.append(tensor)
        op = schema.OperatorT()
        op.opcodeIndex, op.inputs, op.outputs = code, [there[index]], [len(graph.tensors) - 1]
        graph.operators.append(op)
        yield index, len(graph.tensors) - 1


class _Copied:
    """Operators and tensors of one file put into another, each tensor once."""

    def __init__(self, tree: Any, source: Any, place_of: dict[int, int]) -> None:
        """place_of: tensor of `source` -> its place in `tree`, of those that are there."""
        self._tree, self._source, self._place_of = tree, source, place_of

    def tensor(self, index: int) -> int:
        """The place of a tensor of the source."""
        if index not in self._place_of and index != -1:
            graph, tensor = self._tree.subgraphs[0], self._source.subgraphs[0].tensors[index]
            buffer = self._source.buffers[tensor.buffer]
            tensor = copy.copy(tensor)
            tensor.buffer = 0
            if buffer.data is not None:
                self._tree.buffers.append(buffer)
                tensor.buffer = len(self._tree.buffers) - 1
            graph.tensors.append(tensor)
            self._place_of[index] = len(graph.tensors) - 1
        return self._place_of.get(index, -1)

    def operator(self, op: Any) -> Any:
        """A copy of an operator of the source."""
        kind, made = self._source.operatorCodes[op.opcodeIndex], copy.copy(op)
        made.opcodeIndex = operator_code(self._tree, kind.builtinCode, kind.version)
        made.inputs = np.array([self.tensor(int(one)) for one in op.inputs], np.int32)
        made.outputs = np.array([self.tensor(int(one)) for one in op.outputs], np.int32)
        return made
