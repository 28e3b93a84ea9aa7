"""int8 with the layers that int8 hurts most left in float, in one file.

A layer's damage is the root mean square of (float - int8), each computed from the same int8 inputs,
in units of the output's scale: 0.29 is plain rounding, more is damage (TensorFlow, "Inspecting
quantization errors with quantization debugger").
"""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from edge_agent.contracts.core.types import Tensor

SHARE = 0.2
"""Of the layers, so many stay in float, and at least one."""

SAMPLES = 20
"""Calibration samples on which the damage is measured."""


def most_sensitive_tensors(
    calibrated: bytes, samples: Tensor, exact: list[str], notes: list[str]
) -> list[str]:
    """The tensors of the layers to keep in float; notes name them.

    calibrated: the float network with ranges (quantize.convert.mixed); exact: what stays in float
    anyway.
    """
    from tensorflow.lite.python.convert import mlir_quantize

    debug = mlir_quantize(calibrated, enable_numeric_verify=True)
    all_damage = layer_damage(debug, samples[:SAMPLES])
    damage = {name: value for name, value in all_damage.items() if name not in exact}
    worst = sorted(damage, key=lambda name: -damage[name])
    worst = worst[: max(1, math.ceil(SHARE * len(worst)))]
    notes += [f"kept in float: {name.split(';')[0]} ({damage[name]:.2f} quanta)" for name in worst]
    return worst


def layer_damage(debug_model: bytes, samples: Tensor) -> dict[str, float]:
    """Tensor name -> damage in quanta, from a model with NumericVerify operators."""
    import tensorflow as tf

    debugger = tf.lite.experimental.QuantizationDebugger(
        quant_debug_model_content=debug_model,
        debug_dataset=lambda: ([sample[None]] for sample in samples),
    )
    debugger.run()
    details = {one["tensor_name"]: one for one in _verified(debugger)}
    return {
        name: math.sqrt(one["mean_squared_error"]) / one["scale"] if one["scale"] else 0.0
        for name, one in details.items()
    }


def _verified(debugger: Any) -> list[dict[str, Any]]:
    table = io.StringIO()
    debugger.layer_statistics_dump(table)
    table.seek(0)
    return [
        {
            "tensor_name": row["tensor_name"],
            "mean_squared_error": float(row["mean_squared_error"]),
            "scale": float(row["scale"]),
        }
        for row in csv.DictReader(table)
    ]
