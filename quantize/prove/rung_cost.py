"""Why a bundle is not int8, and what the other precision costs on its target."""

from __future__ import annotations

from collections.abc import Sequence

from quantize.prove.trial import VariantTrial
from quantize.targets.target import Target


def rung_sentence(trials: Sequence[VariantTrial], target: Target) -> str:
    """For people; empty where the first variant that was tried held.

    trials: in the order in which they were tried, the last of which is in the bundle.
    """
    first, taken = trials[0], trials[-1]
    if first is taken:
        return ""
    reason = f"{taken.variant} and not {first.variant}, because {first.variant}: {first.fault}"
    if taken.predicted_ms is None:
        return reason
    text = f"{reason}. On {target.name} it is predicted to take {taken.predicted_ms:.3g} ms"
    if first.predicted_ms:
        times = taken.predicted_ms / first.predicted_ms
        text += f", {times:.2f} times the {first.predicted_ms:.3g} ms of {first.variant}"
    within = f"one thread, within a factor of {target.cost.within:g}: {target.cost.source}"
    return f"{text} ({within}). lineside-quantize bench measures it on the board"
