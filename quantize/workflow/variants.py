"""The fallback ladder: int8 first, then more precision, until the gate holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.contracts.core.errors import ConversionError, GateError
from quantize.convert.conversion_process import Converted, Variant
from quantize.pack.bundle import Draft
from quantize.prove.gate import Comparison, enforce
from quantize.prove.threshold_margin import Leaned
from quantize.targets.registry import Target

RUNGS: tuple[Variant, ...] = ("int8", "mixed", "int16x8", "float16", "float32")
"""int8; int8 with the worst layers in float; int8 weights with int16 activations; half floats; the
float network itself."""

Attempt = Callable[[Variant], tuple[Converted, Draft, Comparison]]
Leaning = Callable[[Converted, Draft], Leaned | None]


@dataclass(frozen=True)
class Step:
    """One rung that was tried; `fault` is empty where the gate held, and `lowered` is by how much
    the threshold had to lean for it.
    """

    variant: Variant
    size_bytes: int
    fault: str
    lowered: float = 0.0

    @property
    def outcome(self) -> str:
        """For people."""
        if self.lowered:
            return f"held with the threshold lowered by {self.lowered:.4f} for rounding"
        return self.fault or "held"


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
    variants: tuple[Variant, ...],
    allowed: list[str],
    attempt: Attempt,
    say: Callable[[str], None],
    leaning: Leaning | None = None,
) -> Climb:
    """Try the variants in turn until the gate holds; raises the last rung's error.

    leaning: tried where bad parts newly passed are all that a rung breaks.
    """
    steps: list[Step] = []
    last: GateError | ConversionError | None = None
    for variant in variants:
        say(f"converting to {variant}")
        size = 0
        try:
            converted, ready, comparison = attempt(variant)
            size, lowered = len(converted.model), 0.0
            if leaning and comparison.broken == ["escapes"] and "escapes" not in allowed:
                leaned = leaning(converted, ready)
                if leaned and not leaned.comparison.broken:
                    ready, comparison, lowered = leaned.ready, leaned.comparison, leaned.lowered
            waived = enforce(comparison, allowed)
        except (GateError, ConversionError) as error:
            if isinstance(error, ConversionError) and not steps:
                raise
            last = error
            steps.append(Step(variant, size, error.what))
            say(f"{variant}: {error.what}")
            continue
        steps.append(Step(variant, size, "", lowered))
        if lowered:
            say(f"{variant}: {steps[-1].outcome}")
        return Climb(converted, ready, comparison, waived, steps)
    if last is None:
        raise ConversionError("no variant was asked for", cure="name one with --variant")
    raise last
