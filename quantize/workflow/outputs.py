"""The verb `outputs`: what a network gives on its held-out inputs once it is converted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.scoring import dequantise, quantise
from edge_agent.contracts.run_folder.network import open_network
from edge_agent.infer.runtime_choice import open_runtime
from quantize.convert.conversion_process import NOT_NEEDED, Converted, convert_in_subprocess
from quantize.convert.variants import Variant


def converted_outputs(
    folder: Path,
    variant: Variant,
    samples: int,
    converter: Callable[..., Converted] = convert_in_subprocess,
) -> NDArray[np.float32]:
    """The first output, dequantised, of every input of heldout.npz in its order: float32 (N, K).

    folder: a run folder, of which spec.json, model.keras, calibration.npz and heldout.npz are read;
    samples: of the calibration that are used. No gate is asked, and nothing is written. Raises
    RunError and ConversionError.
    """
    run = open_network(folder)
    inputs = run.held_out.inputs
    converted = converter(run, variant, samples=samples, float_outputs=NOT_NEEDED)
    return run_model(converted.model, inputs)


def run_model(model: bytes, inputs: Tensor) -> NDArray[np.float32]:
    """Inputs (N, *shape) -> the first output, dequantised, by this machine's runtime: (N, K)."""
    runtime = open_runtime(model)
    given, out = runtime.inputs[0], runtime.outputs[0]
    rows = []
    try:
        for one in inputs:
            values = one.astype(np.float32)
            tensor = quantise(values, given.scale, given.zero_point, given.dtype)
            raw = runtime.invoke([tensor[None]])[0]
            rows.append(dequantise(raw, out.scale, out.zero_point).reshape(-1))
    finally:
        runtime.close()
    return np.stack(rows)
