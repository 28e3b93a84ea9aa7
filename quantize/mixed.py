"""int8 networks with a float head in the same file.

Layers whose name starts with `exact_` stay in float32; everything before them becomes int8. A
detector's distances need this: their range is unknown before the first defect is seen, and an int8
output that was calibrated on good parts saturates on every bad one.
"""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np

from quantize.tree import packed

EXACT = "exact_"
"""Prefix of the names of layers that stay in float."""

HALVED_BYTES = 1 << 16
"""Float constants from this size on are stored in half precision."""


def has_exact_layers(model: Any) -> bool:
    """Whether some layer of the Keras network asks to stay in float."""
    return any(layer.name.startswith(EXACT) for layer in model.layers)


def calibrate(converter: Any) -> bytes:
    """The float network as .tflite, with the ranges of its tensors on the calibration set."""
    converter._experimental_calibrate_only = True
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        return bytes(converter.convert())


def quantise_calibrated(converter: Any, calibrated: bytes, image: bool, exact: list[str]) -> bytes:
    """int8 but for the tensors named in `exact`; where there are such, the outputs are float32."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    per_tensor = converter._experimental_disable_per_channel_quantization_for_dense_layers
    mixed = mlir_quantize(
        calibrated,
        input_data_type=tf.uint8 if image else tf.int8,
        output_data_type=tf.float32 if exact else tf.int8,
        denylisted_nodes=exact or None,
        disable_per_channel_for_dense_layers=per_tensor,
    )
    return finish(bytes(mixed)) if exact else bytes(mixed)


def finish(payload: bytes) -> bytes:
    """The network's outputs in their own order, and large float constants in half precision.

    The layout is TFLite's schema.fbs, version 3.
    """
    model = _parsed(payload)
    _order_outputs(model)
    _halve_constants(model, model.subgraphs[0])
    return packed(model)


def in_order(payload: bytes) -> bytes:
    """The same file, its outputs in the network's order: a detector's score before its heat map.

    The converter lists float outputs as it meets them.
    """
    model = _parsed(payload)
    if len(model.subgraphs[0].outputs) < 2:
        return payload
    _order_outputs(model)
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
    for place, tensor in enumerate(list(graph.tensors)):
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
        widened.append((len(graph.tensors) - 1, place))
    if widened:
        code = _dequantize_code(model)
        graph.operators = [_widen(code, half, full) for half, full in widened] + graph.operators


def _dequantize_code(model: Any) -> int:
    """The place of DEQUANTIZE among the model's operator codes, added where it is missing."""
    from tensorflow.lite.python import schema_py_generated as schema

    for place, known in enumerate(model.operatorCodes):
        if known.builtinCode == schema.BuiltinOperator.DEQUANTIZE:
            known.version = max(known.version, 3)
            return place
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 3
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _widen(code: int, half: int, full: int) -> Any:
    from tensorflow.lite.python import schema_py_generated as schema

    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, [half], [full]
    return operator


def exact_tensors(calibrated: bytes) -> list[str]:
    """Names of the tensors that exact layers compute, and of the outputs, which they feed."""
    from ai_edge_litert.interpreter import Interpreter

    reader = Interpreter(model_content=calibrated)
    outputs = {tensor["name"] for tensor in reader.get_output_details()}
    names = {tensor["name"] for tensor in reader.get_tensor_details()}
    return sorted(name for name in names if EXACT in name or name in outputs)
