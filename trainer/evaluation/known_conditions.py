"""Held-out recordings at a condition that a detector never met: the station says so.

It gives no verdict there until the machine has a baseline, so no figure counts one.
"""

from __future__ import annotations

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
