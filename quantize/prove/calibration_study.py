"""How the result moves with the number of calibration samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quantize.convert.conversion_process import Converted
from quantize.pack.bundle import Draft
from quantize.prove.gate import Comparison

SIZES = (10, 50, 100, 500)


@dataclass(frozen=True)
class StudyRow:
    """int8 calibrated on so many samples."""

    samples: int
    agreement: float
    flips: int
    losses: dict[str, float]


def study_calibration(
    available: int,
    attempt: Callable[[int], tuple[Converted, Draft, Comparison]],
    say: Callable[[str], None],
) -> list[StudyRow]:
    """One int8 conversion for each size, up to what the run has."""
    sizes = sorted({min(size, available) for size in SIZES})
    rows = []
    for size in sizes:
        say(f"calibrating on {size} samples")
        _, _, comparison = attempt(size)
        losses = {metric.name: metric.loss for metric in comparison.metrics}
        rows.append(StudyRow(size, comparison.agreement, len(comparison.flips), losses))
    return rows
