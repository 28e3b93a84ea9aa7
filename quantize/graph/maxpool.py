"""REDUCE_MAX over all places of a feature map, rewritten as MAX_POOL_2D over the whole of it.

The two compute the same; the second is known to ai-edge-quantizer and to TensorRT's int8 kernels.
The layout is TFLite's schema.fbs, version 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_agent.contracts.model.flatbuffer import packed
from quantize.graph.operator_codes import operator_code


def pooled_maxima(model: bytes, exact: Sequence[str] = ()) -> bytes:
    """The float model with every such REDUCE_MAX replaced; other operators stay as they are, and
    those that give one of the tensors `exact`.
    """
    tree = schema.ModelT.InitFromPackedBuf(model)
    graph = tree.subgraphs[0]
    reduce_max = schema.BuiltinOperator.REDUCE_MAX
    operators = []
    for op in graph.operators:
        known = tree.operatorCodes[op.opcodeIndex].builtinCode == reduce_max
        free = graph.tensors[op.outputs[0]].name.decode() not in exact
        given = _map_shape(tree, op) if known and free else None
        operators += [op] if given is None else _pooling(tree, op, given)
    graph.operators = operators
    return packed(tree)


def _map_shape(tree: schema.ModelT, op: Any) -> tuple[int, int, int, int] | None:
    """(batch, height, width, channels) of what `op` takes the maximum of; None where it does
    otherwise.
    """
    graph = tree.subgraphs[0]
    shape = [int(size) for size in graph.tensors[op.inputs[0]].shape]
    data = tree.buffers[graph.tensors[op.inputs[1]].buffer].data
    if len(shape) not in (3, 4) or data is None:
        return None
    axes = np.frombuffer(bytes(bytearray(data)), np.int32)
    if sorted(int(axis) % len(shape) for axis in axes) != list(range(1, len(shape) - 1)):
        return None
    height, width = shape[1:3] if len(shape) == 4 else (shape[1], 1)
    return shape[0], height, width, shape[-1]


def _pooling(tree: schema.ModelT, op: Any, given: tuple[int, int, int, int]) -> list[Any]:
    """RESHAPE to a map where it is none yet, MAX_POOL_2D, RESHAPE to what `op` gave."""
    graph = tree.subgraphs[0]
    batch, height, width, channels = given
    source, out = int(op.inputs[0]), int(op.outputs[0])
    steps = []
    if len(graph.tensors[source].shape) == 3:
        spread = _tensor(graph, out, "map", (batch, height, width, channels))
        steps.append(_reshape(tree, source, spread))
        source = spread
    peak = _tensor(graph, out, "peak", (batch, 1, 1, channels))
    pool = schema.Pool2DOptionsT()
    pool.padding = schema.Padding.VALID
    pool.strideH = pool.strideW = 1
    pool.filterHeight, pool.filterWidth = height, width
    max_pool = _operator(tree, schema.BuiltinOperator.MAX_POOL_2D, [source], [peak])
    max_pool.builtinOptionsType, max_pool.builtinOptions = (
        schema.BuiltinOptions.Pool2DOptions,
        pool,
    )
    return [*steps, max_pool, _reshape(tree, peak, out)]


def _reshape(tree: schema.ModelT, source: int, out: int) -> Any:
    graph = tree.subgraphs[0]
    shape = [int(size) for size in graph.tensors[out].shape]
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.array(shape, np.int32).tobytes(), np.uint8)
    tree.buffers.append(buffer)
    sizes = schema.TensorT()
    sizes.name, sizes.shape = graph.tensors[out].name + b"_sizes", [len(shape)]
    sizes.type, sizes.buffer = schema.TensorType.INT32, len(tree.buffers) - 1
    graph.tensors.append(sizes)
    inputs = [source, len(graph.tensors) - 1]
    reshape = _operator(tree, schema.BuiltinOperator.RESHAPE, inputs, [out])
    options = schema.ReshapeOptionsT()
    options.newShape = shape
    reshape.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    reshape.builtinOptions = options
    return reshape


def _tensor(graph: Any, beside: int, name: str, shape: tuple[int, ...]) -> int:
    """The place of a new float tensor, named after the one at `beside`."""
    made = schema.TensorT()
    made.name = graph.tensors[beside].name + f"_{name}".encode()
    made.shape, made.type, made.buffer = list(shape), graph.tensors[beside].type, 0
    graph.tensors.append(made)
    return len(graph.tensors) - 1


def _operator(tree: schema.ModelT, kind: int, inputs: list[int], outputs: list[int]) -> Any:
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = operator_code(tree, kind), inputs, outputs
    return made
