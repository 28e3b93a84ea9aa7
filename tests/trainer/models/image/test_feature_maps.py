"""Features of many pictures, and which of them are looked at."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from trainer.models.image.aspect import MOST_LOOKED_AT, evenly
from trainer.models.image.feature_maps import Filled, fewer_of_large


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


@pytest.mark.parametrize(
    ("shape", "count"),
    [((320, 320, 3), 480), ((64, 64, 1), 480), ((400, 400, 3), 307), ((512, 512, 3), 240),
     ((832, 320, 3), 240)],
)  # fmt: skip
def test_of_large_pictures_fewer_have_as_many_cells(
    shape: tuple[int, int, int], count: int
) -> None:
    assert fewer_of_large(480, shape) == count
