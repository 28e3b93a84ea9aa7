"""The precisions of a target tried in turn: int8 first, then more, until the gate holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.contracts.core.errors import ConversionError, GateError
from quantize.convert.conversion_process import Converted
from quantize.convert.variants import Variant
from quantize.pack.bundle import Draft
from quantize.prove.gate import Comparison, enforce
from quantize.prove.threshold_margin import Lowered
from quantize.prove.trial import VariantTrial

Attempt = Callable[[Variant], tuple[Converted, Draft, Comparison]]
Lower = Callable[[Converted, Draft], Lowered | None]
Predict = Callable[[bytes], float]
"""A .tflite file -> milliseconds of a run on the target."""


@dataclass(frozen=True)
class Chosen:
    """The variant that held, its waivers, and every trial up to it."""

    converted: Converted
    ready: Draft
    comparison: Comparison
    waived: list[str]
    trials: list[VariantTrial]


def try_variants(
    variants: tuple[Variant, ...],
    allowed: list[str],
    attempt: Attempt,
    say: Callable[[str], None],
    lower: Lower | None = None,
    predict: Predict | None = None,
) -> Chosen:
    """Try the variants in turn until the gate holds; raises the last one's error.

    lower: lowers the threshold, tried where bad parts newly passed are all that a variant breaks;
    predict: the time that each trial is told with.
    """
    trials: list[VariantTrial] = []
    last: GateError | ConversionError | None = None
    for variant in variants:
        say(f"converting to {variant}")
        size, ms = 0, None
        try:
            converted, ready, comparison = attempt(variant)
            size, lowered = len(converted.model), 0.0
            ms = predict(converted.model) if predict else None
            if lower and comparison.broken == ["escapes"] and "escapes" not in allowed:
                safer = lower(converted, ready) or Lowered(ready, comparison, 0.0)
                if not safer.comparison.broken:
                    ready, comparison, lowered = safer.ready, safer.comparison, safer.lowered
            waived = enforce(comparison, allowed)
        except (GateError, ConversionError) as error:
            # What the converter refuses at once, it refuses in every precision.
            if isinstance(error, ConversionError) and not trials:
                raise
            last = error
            trials.append(VariantTrial(variant, size, error.what, predicted_ms=ms))
            say(f"{variant}: {error.what}")
            continue
        trials.append(VariantTrial(variant, size, "", lowered, ms))
        if lowered:
            say(f"{variant}: {trials[-1].outcome}")
        return Chosen(converted, ready, comparison, waived, trials)
    raise last or ConversionError("no variant was asked for", cure="name one with --variant")
