"""The last touch on a converted file: outputs in order, large float constants in half precision.

A constant is rounded only where that saves something. The converter's own half precision rounds the
small ones too, and the kernels of the first layers are small: on detectors of castings that moved a
score by thirty times as much as this does, for a fiftieth of the size.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from edge_agent.contracts.model.flatbuffer import packed
from quantize.graph.operator_codes import operator_code

HALVED_BYTES = 1 << 14
"""Float constants from this size on are stored in half precision."""


def in_order(payload: bytes) -> bytes:
    """The same file, its outputs in the network's order: a detector's score before its heat map.

    The converter lists float outputs as it meets them.
    """
    model = _parsed(payload)
    if len(model.subgraphs[0].outputs) < 2:
        return payload
    _order_outputs(model)
    return packed(model)


def halved(payload: bytes) -> bytes:
    """The same file in order, its large float constants in half precision.

    The layout is TFLite's schema.fbs, version 3.
    """
    model = _parsed(payload)
    _order_outputs(model)
    _halve_constants(model, model.subgraphs[0])
    return packed(model)


def _parsed(payload: bytes) -> Any:
    from tensorflow.lite.python import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(payload, 0)


def _order_outputs(model: Any) -> None:
    if model.signatureDefs:
        outputs = sorted(model.signatureDefs[0].outputs, key=lambda one: one.name)
        model.subgraphs[0].outputs = [one.tensorIndex for one in outputs]


def _halve_constants(model: Any, graph: Any) -> None:
    """A DEQUANTIZE before the first operator widens them again; arithmetic stays in float32."""
    from tensorflow.lite.python import schema_py_generated as schema

    shared = Counter(tensor.buffer for tensor in graph.tensors)
    widened = []
    for index, tensor in enumerate(list(graph.tensors)):
        data = model.buffers[tensor.buffer].data
        constant = tensor.type == schema.TensorType.FLOAT32 and data is not None
        if not constant or len(data) < HALVED_BYTES or shared[tensor.buffer] > 1:
            continue
        values = np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.float32)
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        half = schema.TensorT()
        half.name, half.shape = tensor.name + b"_half", tensor.shape
        half.type, half.buffer = schema.TensorType.FLOAT16, tensor.buffer
        model.buffers[tensor.buffer].data = np.frombuffer(
            values.astype(np.float16).tobytes(), np.uint8
        )
        tensor.buffer = 0
        graph.tensors.append(half)
        widened.append((len(graph.tensors) - 1, index))
    if widened:
        code = operator_code(model, schema.BuiltinOperator.DEQUANTIZE, 3)
        graph.operators = [_widen(code, half, full) for half, full in widened] + graph.operators


def _widen(code: int, half: int, full: int) -> Any:
    from tensorflow.lite.python import schema_py_generated as schema

    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, [half], [full]
    return operator
