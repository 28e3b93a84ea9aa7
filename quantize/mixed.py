"""int8 networks with a float head in the same file.

Layers whose name starts with `exact_` stay in float32; everything before them becomes int8. A
detector's distances need this: their range is unknown before the first defect is seen, and an int8
output that was calibrated on good parts saturates on every bad one.
"""

from __future__ import annotations

from typing import Any

EXACT = "exact_"
"""Prefix of the names of layers that stay in float."""


def has_exact_layers(model: Any) -> bool:
    """Whether some layer of the Keras network asks to stay in float."""
    return any(layer.name.startswith(EXACT) for layer in model.layers)


def quantise_but_exact(converter: Any, image: bool) -> bytes:
    """Convert with a calibrated `converter` (representative data set and int8 operators set).

    The input becomes uint8 (images) or int8, the outputs float32.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    converter._experimental_calibrate_only = True
    calibrated = converter.convert()
    return bytes(
        mlir_quantize(
            calibrated,
            input_data_type=tf.uint8 if image else tf.int8,
            output_data_type=tf.float32,
            denylisted_nodes=_exact_tensors(calibrated),
        )
    )


def _exact_tensors(calibrated: bytes) -> list[str]:
    """Names of the tensors that exact layers compute, and of the outputs, which they feed."""
    from ai_edge_litert.interpreter import Interpreter

    reader = Interpreter(model_content=calibrated)
    outputs = {tensor["name"] for tensor in reader.get_output_details()}
    names = {tensor["name"] for tensor in reader.get_tensor_details()}
    return sorted(name for name in names if EXACT in name or name in outputs)
