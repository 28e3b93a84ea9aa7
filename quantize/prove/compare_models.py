"""Two .tflite files of one network on the same made inputs: what quantisation did to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.model.manifest import TensorSpec
from edge_agent.contracts.model.scoring import dequantise, quantise
from edge_agent.infer.runtime import Runtime
from edge_agent.infer.runtime_choice import open_runtime

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class ModelComparison:
    """n inputs; agreement of the largest output; correlation and worst difference of outputs.

    worst is a share of the float outputs' range.
    """

    n: int
    agreement: float
    correlation: float
    worst: float


def compare_models(before: bytes, after: bytes, n: int = 200, seed: int = 0) -> ModelComparison:
    """Run both models on `n` smooth random inputs that fill the quantised model's input range.

    Raises BundleError where the two do not take and give tensors of the same shape.
    """
    first, second = open_runtime(before), open_runtime(after)
    try:
        _refuse_strangers(first, second)
        random = np.random.default_rng(seed)
        rows = [_run_both(first, second, random) for _ in range(n)]
    finally:
        first.close()
        second.close()
    old, new = np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows])
    same = old.argmax(axis=1) == new.argmax(axis=1)
    span = max(float(np.ptp(old)), 1e-12)
    correlation = float(np.corrcoef(old.ravel(), new.ravel())[0, 1])
    return ModelComparison(
        n, float(same.mean()), correlation, float(np.abs(old - new).max()) / span
    )


def _run_both(
    first: Runtime, second: Runtime, random: np.random.Generator
) -> tuple[Floats, Floats]:
    values = made_input(second.inputs[0], random)
    return _run(first, values), _run(second, values)


def made_input(spec: TensorSpec, random: np.random.Generator) -> Floats:
    """Blurred noise over the range that `spec` can hold, or -1..1 for floats."""
    shape = [max(1, size) for size in spec.shape]
    noise = random.standard_normal(shape)
    for axis in range(1, len(shape)):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)
    unit = (noise - noise.min()) / max(float(np.ptp(noise)), 1e-12)
    if spec.dtype == "float32":
        return np.asarray(2 * unit - 1, np.float32)
    limits = np.iinfo(spec.dtype)
    low = (limits.min - spec.zero_point) * spec.scale
    high = (limits.max - spec.zero_point) * spec.scale
    return np.asarray(low + (high - low) * unit, np.float32)


def _run(runtime: Runtime, values: Floats) -> Floats:
    given, out = runtime.inputs[0], runtime.outputs[0]
    tensor = quantise(values, given.scale, given.zero_point, given.dtype)
    return dequantise(runtime.invoke([tensor])[0], out.scale, out.zero_point).reshape(-1)


def _refuse_strangers(first: Runtime, second: Runtime) -> None:
    for side, old, new in (
        ("input", first.inputs, second.inputs),
        ("output", first.outputs, second.outputs),
    ):
        if len(old) != len(new) or old[0].shape != new[0].shape:
            raise BundleError(
                f"{side} {new[0].shape} beside {old[0].shape}",
                where="the two models",
                cure="give the float and the quantised file of one network",
            )
