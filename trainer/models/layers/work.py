"""What one run of a network will do once it is int8: counted on its traced graph, not converted.

Layers named FLOAT_PREFIX... stay in float. Batch norms, biases, activations and padding fold into
the layer beside them and count nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from edge_agent.contracts.model.target_cost import Work, total

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

ALONE = frozenset(
    ("AvgPool", "MaxPool", "Mean", "Max", "Sum", "ConcatV2", "Softmax", "Sigmoid",
     "Tile", "ResizeBilinear", "ResizeNearestNeighbor", "Transpose", "StridedSlice", "ReverseV2")
)  # fmt: skip
"""Operators that run on their own and only write."""

OF_TWO = frozenset(("AddV2", "Add", "Sub", "Mul", "Maximum", "Minimum"))
"""The same, but folded into the operator before where one side is a constant."""


def work_of(network: keras.Model) -> Work:
    """The work of one input (1, *input_shape)."""
    return total(_work(op) for op in _traced(network).graph.get_operations())


def works_of(network: keras.Model, several: Sequence[Sequence[int]]) -> list[Work]:
    """For each choice of the network's outputs the work of a network that has these alone."""
    traced = _traced(network)
    return [total(map(_work, _needed([traced.outputs[n] for n in one]))) for one in several]


def _traced(network: keras.Model) -> tf.types.experimental.ConcreteFunction:
    import tensorflow as tf

    given = tf.TensorSpec((1, *network.input_shape[1:]), tf.float32)
    return tf.function(lambda x: network(x, training=False)).get_concrete_function(given)


def _needed(outputs: Sequence[tf.Tensor]) -> set[tf.Operation]:
    """Every operator that the outputs are computed from."""
    known, waiting = set(), [one.op for one in outputs]
    while waiting:
        op = waiting.pop()
        if op not in known:
            known.add(op)
            waiting += [one.op for one in op.inputs]
    return known


def _work(op: tf.Operation) -> Work:
    if "batchnorm" in op.name.lower() or not op.outputs:
        return Work()
    elements = math.prod(size or 1 for size in op.outputs[0].shape.as_list() or [1])
    is_float = FLOAT_PREFIX in op.name
    if macs := _macs(op, elements):
        if is_float:
            return Work(float_macs=macs, operators=1)
        if op.type == "DepthwiseConv2dNative":
            return Work(depthwise_macs=macs, operators=1)
        return Work(convolution_macs=macs, operators=1)
    if op.type in ALONE or (op.type in OF_TWO and _is_elementwise(op, elements)):
        return Work(operators=1, written_bytes=elements * (4 if is_float else 1))
    return Work()


def _macs(op: tf.Operation, elements: int) -> int:
    """Multiply-accumulates; 0 for operators that have none. elements: of the output."""
    if op.type in ("Conv2D", "DepthwiseConv2dNative"):
        high, wide, channels, _ = op.inputs[1].shape.as_list()
        return int(elements * high * wide * (channels if op.type == "Conv2D" else 1))
    if op.type in ("MatMul", "BatchMatMulV2"):
        return int(elements * (op.inputs[0].shape.as_list()[-1] or 1))
    if op.type == "Einsum":
        return _einsum_macs(op)
    return 0


def _einsum_macs(op: tf.Operation) -> int:
    """The product of all sizes that the equation names."""
    names = op.get_attr("equation").decode().split("->")[0].split(",")
    sizes = {
        name: size or 1
        for letters, given in zip(names, op.inputs, strict=True)
        for name, size in zip(letters, given.shape.as_list(), strict=True)
    }
    return math.prod(sizes.values())


def _is_elementwise(op: tf.Operation, elements: int) -> bool:
    """Whether both sides are computed, and neither is a constant or a variable."""
    return all(math.prod(s or 1 for s in one.shape.as_list()) == elements for one in op.inputs)
