"""Held-out recordings at a condition that a detector never met: the station says so.

It gives no verdict there until the machine has a baseline, so no figure counts one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.needs_baseline import NeedsBaseline
from edge_agent.contracts.vibration.input import VibrationInput
from trainer.data.prepare import read_sample
from trainer.data.samples import Dataset, Indices


def needs_baseline(dataset: Dataset, indices: Indices, spec: ModelSpec) -> list[NeedsBaseline]:
    """Which verdicts a station without a baseline withholds, sample by sample; [] where none is.

    Raises DatasetError and InputError for a recording that cannot be read.
    """
    known, taken = spec.conditions, spec.input
    if known is None or not isinstance(taken, VibrationInput):
        return []
    return [known.needs_baseline(read_sample(dataset, int(one)), taken) for one in indices]


def speed_note(
    dataset: Dataset, indices: Indices, spec: ModelSpec, verdicts: Sequence[str]
) -> list[str]:
    """What the figures owe to the speeds that recordings state: how many of the alarms among
    `verdicts`, one an index, a station would withhold that is not told its speed.

    [] where the model knows no speeds, where it cannot judge without one, and where no alarm states
    its own.
    """
    known, taken = spec.conditions, spec.input
    if known is None or not known.rpm or not isinstance(taken, VibrationInput):
        return []
    if any(getattr(view, "scale", "") == "orders" for view in taken.views):
        return []
    alarms = [int(one) for one, said in zip(indices, verdicts, strict=True) if said == Verdict.FAIL]
    recordings = (read_sample(dataset, one) for one in alarms)
    told = [
        bool(known.needs_baseline(replace(one, rpm=None), taken))
        for one in recordings
        if one.rpm is not None
    ]
    if not told:
        return []
    return [
        "held-out recordings state their speed, by which the figures hold: tell the station its "
        f"own ([channel.speed]); of the {len(alarms)} alarms {sum(told)} would need a baseline "
        "without it"
    ]
