"""Some of many samples, evenly spaced; by class: each one is there, rare ones whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import Indices


def evenly(several: Indices, most: int) -> Indices:
    """At most `most` of them, evenly spaced."""
    places = np.linspace(0, len(several) - 1, min(len(several), most))
    return np.asarray(several[places.round().astype(int)])


def evenly_by_class(targets: NDArray[np.int64], most: int) -> Indices:
    """Up to `most` places of `targets` (N,), ascending, evenly spaced within each class.

    A class with less than its equal share stays whole and leaves the rest of it to the others.
    """
    places = [np.flatnonzero(targets == label) for label in np.unique(targets)]
    places.sort(key=len)
    chosen, left = [], most
    for number, own in enumerate(places):
        count = min(len(own), max(1, left // (len(places) - number)))
        chosen.append(evenly(own, count))
        left -= count
    return np.sort(np.concatenate(chosen))


def worth_of_one(targets: NDArray[np.int64]) -> float:
    """What one sample of the rarest class counts where every class counts the same."""
    _, counts = np.unique(targets, return_counts=True)
    return float(1 / (len(counts) * counts.min()))
