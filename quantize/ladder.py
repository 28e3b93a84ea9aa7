"""The fallback ladder: int8 first, then more precision, until the gate holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.contracts.errors import ConversionError, GateError
from quantize.child import Converted, Variant
from quantize.gate import Comparison, enforce
from quantize.pack import Draft
from quantize.targets import Target

RUNGS: tuple[Variant, ...] = ("int8", "mixed", "int16x8", "float16", "float32")
"""int8; int8 with the worst layers in float; int8 weights with int16 activations; half floats; the
float network itself."""

Attempt = Callable[[Variant], tuple[Converted, Draft, Comparison]]


@dataclass(frozen=True)
class Step:
    """One rung that was tried; `fault` is empty where the gate held."""

    variant: Variant
    size_bytes: int
    fault: str


@dataclass(frozen=True)
class Climb:
    """The rung that held, its waivers, and every step up to it."""

    converted: Converted
    ready: Draft
    comparison: Comparison
    waived: list[str]
    steps: list[Step]


def rungs(target: Target) -> tuple[Variant, ...]:
    """The variants worth trying on `target`: the Edge TPU runs integers only."""
    return ("int8",) if target.rules == "edgetpu" else RUNGS


def climb(
    variants: tuple[Variant, ...], allowed: list[str], attempt: Attempt, say: Callable[[str], None]
) -> Climb:
    """Try the variants in turn until the gate holds; raises the last rung's error."""
    steps: list[Step] = []
    last: GateError | ConversionError | None = None
    for variant in variants:
        say(f"converting to {variant}")
        size = 0
        try:
            converted, ready, comparison = attempt(variant)
            size = len(converted.model)
            waived = enforce(comparison, allowed)
        except (GateError, ConversionError) as error:
            if isinstance(error, ConversionError) and not steps:
                raise
            last = error
            steps.append(Step(variant, size, error.what))
            say(f"{variant}: {error.what}")
            continue
        steps.append(Step(variant, size, ""))
        return Climb(converted, ready, comparison, waived, steps)
    if last is None:
        raise ConversionError("no variant was asked for", cure="name one with --variant")
    raise last
