"""Which cells of marked pictures teach: what the mask covers, what lies away from it."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.models.image.marked_cells import MarkedPictures


@pytest.fixture
def pictures() -> MarkedPictures:
    """A good picture, one with a large mark, one with a faint mark, and a bad one without any."""
    covered = np.zeros((4, 12, 20), np.float32)
    covered[1, 4:6, 8:10] = [[1.0, 0.3], [0.2, 0.9]]
    covered[2, 6, 3] = 0.1
    covered[2, 6, 4] = 0.02
    fine = np.arange(4 * 12 * 20, dtype=np.float16).reshape(4, 12, 20, 1)
    coarse = -np.arange(4 * 6 * 10, dtype=np.float16).reshape(4, 6, 10, 1)
    bad, kind = np.array([False, True, True, True]), np.array([0, 0, 1, 1])
    return MarkedPictures([fine, coarse], covered, bad, kind, kinds=2)


def test_a_cell_is_bad_from_a_quarter_under_the_mask_on(pictures: MarkedPictures) -> None:
    found = np.argwhere(pictures.bad_cells(1)).tolist()
    assert found == [[4, 8], [4, 9], [5, 9]]


def test_of_a_speck_the_most_covered_cell_is_bad(pictures: MarkedPictures) -> None:
    assert np.argwhere(pictures.bad_cells(2)).tolist() == [[6, 3]]


def test_no_cell_near_a_mark_is_good(pictures: MarkedPictures) -> None:
    good = pictures.good_cells(1)
    assert not good[2:8, 6:12].any()
    assert good.sum() == 12 * 20 - 6 * 6


def test_all_cells_of_a_good_picture_are_good(pictures: MarkedPictures) -> None:
    assert pictures.good_cells(0).all()
    assert not pictures.bad_cells(0).any()


def test_a_bad_picture_without_a_mask_teaches_nothing(pictures: MarkedPictures) -> None:
    assert not pictures.good_cells(3).any()
    assert not pictures.bad_cells(3).any()


def test_a_row_holds_the_features_of_its_cell_at_both_scales(pictures: MarkedPictures) -> None:
    rows = pictures.rows(2, np.array([[7, 13], [0, 0]], np.intp), bad=True)
    fine, coarse = pictures.features
    assert rows.cells[0].tolist() == [fine[2, 7, 13, 0], coarse[2, 3, 6, 0]]
    assert rows.part.tolist() == [2, 2]
    assert rows.bad.tolist() == [[0.0, 1.0], [0.0, 1.0]]
