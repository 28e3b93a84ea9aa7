"""Where the part is, learnt from drawn cells whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.models.image.feature_maps import Floats
from trainer.models.image.foreground import (
    GROWN,
    Ground,
    foreground_of,
    learn_ground,
    masked,
    masked_heat,
    put_ground,
    set_floor,
)
from trainer.models.image.score_fusion import joined_scales

SIDE = 20
Truth = NDArray[np.bool_]


def discs(count: int, radius: float, moved: float, seed: int = 0) -> Truth:
    """(count, SIDE, SIDE), True on a part that lies up to `moved` cells from the middle."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    shifts = rng.uniform(-moved, moved, (count, 2, 1, 1))
    return np.asarray(np.hypot(rows - shifts[:, 0], columns - shifts[:, 1]) < radius)


def cells_of(part: Truth, seed: int = 1, spread: float = 0.5) -> Floats:
    """Eight features of each cell: part and background differ in two of them."""
    rng = np.random.default_rng(seed)
    cells = spread * rng.normal(size=(*part.shape, 8))
    cells[..., 0] += np.where(part, 2, -1)
    cells[..., 1] += np.where(part, -1, 1)
    return cells.astype(np.float32)


def learnt(part: Truth) -> Ground:
    ground = learn_ground(cells_of(part))
    assert ground is not None
    return ground


def test_other_parts_are_told_from_what_they_lie_on() -> None:
    ground = learnt(discs(30, 5, 3))
    unseen = discs(20, 5, 3, seed=5)
    found = ground.foreground(cells_of(unseen, seed=6)) > 0.5
    assert found[unseen].mean() > 0.99, "the part is scored"
    assert found.mean() < unseen.mean() + 0.25, "most of the background is not"


def test_a_hole_that_shows_the_background_is_scored() -> None:
    part = discs(30, 7, 1)
    hole = discs(30, 2, 1)
    ground = learnt(part & ~hole)
    inside = discs(1, 2, 0)
    assert (ground.foreground(cells_of(part & ~hole)) > 0.5)[:, inside[0]].all()


def test_a_piece_that_is_missing_is_scored_where_it_was() -> None:
    ground = learnt(discs(30, 6, 1))
    broken = discs(1, 6, 0)
    broken[:, :, SIDE // 2 + 2 :] = False
    missing = discs(1, 5, 0) & ~broken
    assert missing.sum() > 10
    assert (ground.foreground(cells_of(broken)) > 0.5)[missing].all()


def test_what_sticks_out_of_a_part_is_scored() -> None:
    ground = learnt(discs(30, 5, 1))
    flash = discs(1, 5, 0)
    middle = SIDE // 2
    flash[0, middle, middle + 5 : middle + 5 + GROWN] = True
    found = ground.foreground(cells_of(flash)) > 0.5
    assert found[flash].all()


def test_a_place_far_from_all_parts_is_not_scored_whatever_lies_there() -> None:
    ground = learnt(discs(30, 5, 1))
    foreign = cells_of(discs(1, 5, 0))
    foreign[:, :2, :, :] += 30 * np.sign(ground.kernel)
    assert ground.foreground(foreign)[:, :2].max() == 0
    assert 0.2 < ground.never_scored() < 0.7


def test_a_surface_that_fills_the_frame_has_no_background() -> None:
    everywhere = np.ones((30, SIDE, SIDE), np.bool_)
    cells = cells_of(everywhere)
    assert learn_ground(cells) is None
    padded = cells.copy()
    for edge in (padded[:, 0], padded[:, -1], padded[:, :, 0], padded[:, :, -1]):
        edge[..., 2] += 20
    assert learn_ground(padded) is None, "the frame's edge alone differs"


def test_the_layers_compute_what_the_estimate_says() -> None:
    import keras

    ground = learnt(discs(20, 5, 2))
    taps = [keras.Input((2 * SIDE, 2 * SIDE, 8)), keras.Input((SIDE, SIDE, 3))]
    network = keras.Model(taps, foreground_of(taps))
    cells = cells_of(discs(4, 5, 2, seed=8), seed=9)
    wide = cells.repeat(2, axis=1).repeat(2, axis=2)
    given = [wide, np.zeros((4, SIDE, SIDE, 3), np.float32)]
    assert (network.predict(given, verbose=0) == 1).all(), "all is part before it is learnt"
    put_ground(network, ground)
    found = network.predict(given, verbose=0)[..., 0]
    np.testing.assert_allclose(found, ground.foreground(cells), atol=1e-4)


def test_a_hot_place_without_a_part_does_not_count() -> None:
    import keras

    heat = np.zeros((2, 3, 3), np.float32)
    heat[0, 0, 0], heat[1, 1, 1] = 9, 5
    seen = np.ones((2, 3, 3), np.float32)
    seen[:, 0, 0] = 0
    assert masked(heat, seen, -1).max(axis=(1, 2)).tolist() == [0, 5]
    given = [keras.Input((3, 3, 1)), keras.Input((3, 3, 1))]
    network = keras.Model(given, masked_heat(*given))
    set_floor(network, -1)
    layered = network.predict([heat[..., None], seen[..., None]], verbose=0)
    np.testing.assert_allclose(layered[..., 0], masked(heat, seen, -1), atol=1e-6)


@pytest.mark.parametrize("whole", [False, True])
def test_the_scale_rests_on_places_with_a_part(whole: bool) -> None:
    rng = np.random.default_rng(0)
    quiet = rng.normal(size=(200, 4, 4)).astype(np.float32)
    loud = quiet.copy()
    loud[:, 0, 0] += 100 * rng.random(200, np.float32)
    seen = np.ones((200, 4, 4), np.float32)
    seen[:, 0, 0] = 0
    heats = [loud] + [rng.normal(size=(200, 1, 1)).astype(np.float32)] * whole
    fusion = joined_scales(heats, lambda rows: rows.mean(axis=0), seen)
    again = fusion.scores_of(heats, lambda rows: rows.mean(axis=0), seen)
    np.testing.assert_allclose(again, fusion.scores, atol=1e-4)
    assert np.quantile(fusion.scores, 0.99) == pytest.approx(1, abs=1e-3)
    hot = [one.copy() for one in heats]
    hot[0][:, 2, 2] = 6
    found = fusion.scores_of(hot, lambda rows: rows.mean(axis=0), seen)
    assert (found > 1).mean() > 0.9
