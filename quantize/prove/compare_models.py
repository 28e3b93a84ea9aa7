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
class OutputComparison:
    """One output of both models over all inputs.

    agreement: of the largest value's place, None for an output of one number. correlation: None
    where a model gives the same whatever the input. worst: the largest difference as a share of
    the float output's range.
    """

    output: int
    agreement: float | None
    correlation: float | None
    worst: float


@dataclass(frozen=True)
class ModelComparison:
    """n made inputs, and every output in the models' order."""

    n: int
    outputs: list[OutputComparison]


def compare_models(before: bytes, after: bytes, n: int = 200, seed: int = 0) -> ModelComparison:
    """Run both models on `n` smooth random inputs that fill the quantised model's input ranges.

    Raises BundleError where the two do not take and give tensors of the same shapes.
    """
    first, second = open_runtime(before), open_runtime(after)
    try:
        _refuse_strangers(first, second)
        random = np.random.default_rng(seed)
        rows = [_run_both(first, second, random) for _ in range(n)]
    finally:
        first.close()
        second.close()
    return ModelComparison(
        n,
        [
            _compare_output(
                index,
                np.stack([old[index] for old, _ in rows]),
                np.stack([new[index] for _, new in rows]),
            )
            for index in range(len(rows[0][0]))
        ],
    )


def _compare_output(index: int, old: Floats, new: Floats) -> OutputComparison:
    """Output `index` of both models, (N, K) each."""
    agreement = float((old.argmax(1) == new.argmax(1)).mean()) if old.shape[1] > 1 else None
    span = float(np.ptp(old))
    correlation = None
    if span > 0 and np.ptp(new) > 0:
        correlation = float(np.corrcoef(old.ravel(), new.ravel())[0, 1])
    worst = float(np.abs(old - new).max()) / max(span, 1e-12)
    return OutputComparison(index, agreement, correlation, worst)


def _run_both(
    first: Runtime, second: Runtime, random: np.random.Generator
) -> tuple[list[Floats], list[Floats]]:
    values = [made_input(spec, random) for spec in second.inputs]
    return _run(first, values), _run(second, values)


def made_input(spec: TensorSpec, random: np.random.Generator) -> Floats:
    """Blurred noise over the range that `spec` can hold, or -1..1 for floats."""
    shape = [max(1, size) for size in spec.shape]
    noise = random.standard_normal(shape)
    for axis in range(1, len(shape)):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)
    # One number has no range of its own to be stretched over.
    spread = (noise - noise.min()) / max(float(np.ptp(noise)), 1e-12)
    unit = spread if noise.size > 1 else random.random(shape)
    if spec.dtype == "float32":
        return np.asarray(2 * unit - 1, np.float32)
    limits = np.iinfo(spec.dtype)
    low = (limits.min - spec.zero_point) * spec.scale
    high = (limits.max - spec.zero_point) * spec.scale
    return np.asarray(low + (high - low) * unit, np.float32)


def _run(runtime: Runtime, values: list[Floats]) -> list[Floats]:
    """Every output in real values, (K,) each."""
    tensors = [
        quantise(one, given.scale, given.zero_point, given.dtype)
        for one, given in zip(values, runtime.inputs, strict=True)
    ]
    return [
        dequantise(raw, gives.scale, gives.zero_point).reshape(-1)
        for raw, gives in zip(runtime.invoke(tensors), runtime.outputs, strict=True)
    ]


def _refuse_strangers(first: Runtime, second: Runtime) -> None:
    for side, old, new in (
        ("input", first.inputs, second.inputs),
        ("output", first.outputs, second.outputs),
    ):
        shapes = [[spec.shape for spec in specs] for specs in (old, new)]
        if shapes[0] != shapes[1]:
            raise BundleError(
                f"{side}s {shapes[1]} beside {shapes[0]}",
                where="the two models",
                cure="give the float and the quantised file of one network",
            )
