"""Rare classes stay whole where only some samples are compared."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.data.class_sample import evenly_by_class, worth_of_one


@pytest.mark.parametrize(
    ("counts", "kept"),
    [
        ([15, 4985], [15, 385]),
        ([4985, 15], [385, 15]),
        ([3000, 2000], [200, 200]),
        ([100, 50, 1], [100, 50, 1]),
        ([500, 90, 500], [155, 90, 155]),
    ],
)
def test_a_rare_class_stays_whole(counts: list[int], kept: list[int]) -> None:
    targets = np.repeat(np.arange(len(counts)), counts)
    chosen = evenly_by_class(targets, 400)
    assert np.bincount(targets[chosen]).tolist() == kept
    assert len(np.unique(chosen)) == len(chosen)
    assert (np.diff(chosen) > 0).all()


def test_what_is_left_of_a_class_spans_all_of_it() -> None:
    chosen = evenly_by_class(np.zeros(1000, np.int64), 400)
    assert (chosen[0], chosen[-1]) == (0, 999)
    assert np.diff(chosen).max() <= 3


def test_one_of_the_rarest_class_counts_most() -> None:
    assert worth_of_one(np.repeat([0, 1], [390, 10])) == pytest.approx(0.05)
    assert worth_of_one(np.zeros(50, np.int64)) == pytest.approx(0.02)
