"""Features of many pictures, and which of them are looked at."""

from __future__ import annotations

import tracemalloc

import numpy as np

from trainer.models.image.aspect import MOST_LOOKED_AT, evenly
from trainer.models.image.feature_maps import Filled


def test_batches_are_joined_without_a_second_copy() -> None:
    filled = Filled(100)
    tracemalloc.start()
    for start in range(0, 100, 8):
        rows = np.arange(start, min(start + 8, 100), dtype=np.float16)
        filled.add([np.repeat(rows[:, None], 10_000, axis=1), rows])
    wide, narrow = filled.columns
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert narrow.tolist() == list(range(100))
    assert (wide == narrow[:, None]).all()
    assert wide.dtype == np.float16
    assert peak < 1.5 * wide.nbytes


def test_no_more_pictures_are_looked_at_than_the_limit() -> None:
    for count in (1, 29, 30, 31, 59, 119, 5000):
        some = evenly(range(count))
        assert len(some) == min(count, MOST_LOOKED_AT)
        assert (some[0], some[-1]) == (0, count - 1)
        assert len(set(some)) == len(some)
