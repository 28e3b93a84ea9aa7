"""Where int8 ends and the float layers begin: each tensor that crosses keeps its own scale.

Operators that only move values (a concatenation, a pooling) have one scale for all they read and
write, and the quantiser gives it to them before it looks which are to stay in float. Three layers
of a backbone that a float layer joins would all take the scale of the widest, a hundred times too
coarse for the others. So a multiplication by 1 stands in between while ranges become scales, and
the float tensors lose their ranges. The layout is TFLite's schema.fbs, version 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_agent.contracts.model.flatbuffer import packed
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from quantize.graph.operator_codes import operator_code

CROSSING = f"{FLOAT_PREFIX}crossing_"
"""Name of what stands behind a crossing tensor, whose index follows."""


def set_apart(calibrated: bytes, exact: list[str]) -> tuple[bytes, list[str]]:
    """The calibrated model with a cosine at every crossing, and the names of these.

    exact: the tensors that stay in float.
    """
    tree = schema.ModelT.InitFromPackedBuf(calibrated)
    graph = tree.subgraphs[0]
    names = set(exact)
    in_float = {n for n, one in enumerate(graph.tensors) if one.name.decode() in names}
    for index in in_float:
        graph.tensors[index].quantization = None
    after: dict[int, int] = {}
    operators = list(_with_crossings(tree, graph, in_float, after))
    graph.operators = operators
    return packed(tree), [graph.tensors[index].name.decode() for index in after.values()]


def rejoined(payload: bytes) -> bytes:
    """The same file without the cosines of set_apart."""
    tree = schema.ModelT.InitFromPackedBuf(payload)
    graph = tree.subgraphs[0]
    kept: list[Any] = []
    before: dict[int, int] = {}
    for op in graph.operators:
        op.inputs = np.array([before.get(index, index) for index in op.inputs], np.int32)
        if CROSSING.encode() in graph.tensors[op.outputs[0]].name and _is_cosine(tree, op):
            before[op.outputs[0]] = op.inputs[0]
        else:
            kept.append(op)
    graph.operators = kept
    return packed(tree) if before else payload


def _with_crossings(
    tree: Any, graph: Any, in_float: set[int], after: dict[int, int]
) -> Iterator[Any]:
    """The operators in order; after: int8 tensor -> what float operators read instead of it."""
    computed: set[int] = set(graph.inputs)
    for op in graph.operators:
        if in_float.intersection(op.outputs):
            for index in op.inputs:
                if index in computed and index not in in_float and index not in after:
                    after[index] = _tensor(graph, index)
                    yield _cosine(tree, index, after[index])
            op.inputs = np.array([after.get(index, index) for index in op.inputs], np.int32)
        computed.update(op.outputs)
        yield op


def _tensor(graph: Any, index: int) -> int:
    like, tensor = graph.tensors[index], schema.TensorT()
    tensor.name = f"{CROSSING}{index}".encode()
    tensor.shape, tensor.shapeSignature, tensor.type = like.shape, like.shapeSignature, like.type
    tensor.buffer = 0
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _cosine(tree: Any, given: int, gives: int) -> Any:
    op = schema.OperatorT()
    op.opcodeIndex = operator_code(tree, schema.BuiltinOperator.COS)
    op.inputs, op.outputs = [given], [gives]
    op.builtinOptionsType = schema.BuiltinOptions.CosOptions
    op.builtinOptions = schema.CosOptionsT()
    return op


def _is_cosine(tree: Any, op: Any) -> bool:
    return bool(tree.operatorCodes[op.opcodeIndex].builtinCode == schema.BuiltinOperator.COS)
