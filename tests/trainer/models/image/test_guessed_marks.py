"""Where defects of pictures without masks are guessed to be."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.models.image.guessed_marks import FEWEST, _mixed, with_guessed_marks
from trainer.models.image.marked_cells import MarkedPictures

COUNT, ROWS, COLUMNS = 40, 16, 24
BAD = np.arange(COUNT) % 4 == 0


def pictures() -> tuple[MarkedPictures, NDArray[np.bool_]]:
    """Cells of noise. Bad pictures have one 3x3 defect, shifted along one direction; every picture
    has two odder places, each along a direction of its own. Returns them and where defects are.
    """
    rng = np.random.default_rng(1)
    fine = rng.normal(0, 1, (COUNT, ROWS, COLUMNS, 24))
    coarse = rng.normal(0, 1, (COUNT, ROWS // 2, COLUMNS // 2, 8))
    true = np.zeros((COUNT, ROWS, COLUMNS), np.bool_)
    shared = rng.normal(0, 1, 24)
    for one in range(COUNT):
        for _ in range(2):
            row, column = rng.integers(0, [ROWS - 3, COLUMNS - 3])
            fine[one, row : row + 3, column : column + 3] += 2.2 * rng.normal(0, 1, 24)
        if BAD[one]:
            row, column = rng.integers(0, [ROWS - 3, COLUMNS - 3])
            fine[one, row : row + 3, column : column + 3] += 1.6 * shared
            true[one, row : row + 3, column : column + 3] = True
    features = [fine.astype(np.float16), coarse.astype(np.float16)]
    covered = np.zeros(true.shape, np.float32)
    return MarkedPictures(features, covered, BAD, np.zeros(COUNT, np.intp)), true


@pytest.mark.parametrize("groups", [COUNT // 2, 1], ids=["groups", "one group"])
def test_guesses_agree_with_one_another_where_groups_can_be_left_out(groups: int) -> None:
    given, true = pictures()
    named = np.array([f"lot {one % groups}" for one in range(COUNT)])
    marked = with_guessed_marks(given, named, seed=1)
    sure = marked.covered == 1
    assert sure[BAD].sum(axis=(1, 2)).tolist() == [FEWEST] * int(BAD.sum())
    assert not marked.covered[~BAD].any()
    right = (sure & true).sum() / sure.sum()
    assert (right > 0.8) == (groups > 1)


def test_what_may_be_defective_is_never_taken_for_good() -> None:
    given, _ = pictures()
    marked = with_guessed_marks(given, np.arange(COUNT).astype(str), seed=1)
    first = int(np.flatnonzero(BAD)[0])
    assert not (marked.good_cells(first) & (marked.covered[first] > 0)).any()
    assert marked.bad_cells(first).sum() == FEWEST


def test_products_of_all_cells_are_those_of_each_cell_with_both_of_its_scales() -> None:
    given, _ = pictures()
    kernel = np.random.default_rng(2).normal(0, 1, (32, 3)).astype(np.float32)
    places = np.argwhere(np.ones((ROWS, COLUMNS), np.bool_))
    wanted = given.cells(5, places).astype(np.float64) @ kernel
    np.testing.assert_allclose(_mixed(given, 5, kernel).reshape(-1, 3), wanted, atol=1e-4)
