"""Which verdicts of held-out samples a station withholds, whatever the network says of them.

A detector of vibration asks for a baseline at a condition that it never met, and a frame in which
no part can be cut out is not judged: no figure counts a verdict there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.image.cut_out import is_blank
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.needs_baseline import NeedsBaseline
from trainer.data.prepare import Prepared
from trainer.data.samples import Dataset, Indices
from trainer.evaluation.known_conditions import needs_baseline


def withheld_verdicts(
    dataset: Dataset, prepared: Prepared, indices: Indices, spec: ModelSpec
) -> list[NeedsBaseline]:
    """Sample by sample; [] where none is. Raises DatasetError and InputError for a recording that
    cannot be read.
    """
    if isinstance(spec.input, ImageInput):
        return without_part(prepared, indices, spec)
    return needs_baseline(dataset, indices, spec)


def without_part(prepared: Prepared, indices: Indices, spec: ModelSpec) -> list[NeedsBaseline]:
    """Those of pictures that are blank where parts are cut out; [] where none is."""
    lost = show_no_part(prepared, indices, spec)
    return ["always" if one else "" for one in lost] if lost.any() else []


def show_no_part(prepared: Prepared, indices: Indices, spec: ModelSpec) -> NDArray[np.bool_]:
    """(N,): whether the picture of each sample is blank since no part could be cut out."""
    if not spec.cuts_out:
        return np.zeros(len(indices), np.bool_)
    blanks = [is_blank(prepared.inputs[prepared.sample == one]) for one in indices]
    return np.array(blanks, np.bool_)
