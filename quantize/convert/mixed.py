"""int8 networks with a float head in the same file.

Layers whose name starts with FLOAT_PREFIX stay in float32; everything before them becomes int8.
"""

from __future__ import annotations

from typing import Any

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from quantize.convert.boundary import rejoined, set_apart
from quantize.convert.postprocess import halved


def has_float_layers(model: Any) -> bool:
    """Whether some layer of the Keras network asks to stay in float."""
    return any(layer.name.startswith(FLOAT_PREFIX) for layer in model.layers)


def quantise_calibrated(converter: Any, calibrated: bytes, image: bool, exact: list[str]) -> bytes:
    """int8 but for the tensors named in `exact`; where there are such, the outputs are float32."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    calibrated, crossings = set_apart(calibrated, exact) if exact else (calibrated, [])
    per_tensor = converter._experimental_disable_per_channel_quantization_for_dense_layers
    mixed = mlir_quantize(
        calibrated,
        input_data_type=tf.uint8 if image else tf.int8,
        output_data_type=tf.float32 if exact else tf.int8,
        denylisted_nodes=[*exact, *crossings] or None,
        disable_per_channel_for_dense_layers=per_tensor,
    )
    return halved(rejoined(bytes(mixed))) if exact else bytes(mixed)


def float_tensors(calibrated: bytes) -> list[str]:
    """Names of the tensors that float layers compute, and of the outputs, which they feed."""
    from ai_edge_litert.interpreter import Interpreter

    reader = Interpreter(model_content=calibrated)
    outputs = {tensor["name"] for tensor in reader.get_output_details()}
    names = {tensor["name"] for tensor in reader.get_tensor_details()}
    return sorted(name for name in names if FLOAT_PREFIX in name or name in outputs)
