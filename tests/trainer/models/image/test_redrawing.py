"""What components of good parts redraw, and what they leave."""

from __future__ import annotations

import numpy as np

from trainer.models.image.redrawing import fit_redrawing, pixel_cells


def parts(count: int, seed: int) -> np.ndarray:
    """uint8 (N, 32, 32, 1): bars that are brighter or darker, and the noise of a camera."""
    rng = np.random.default_rng(seed)
    bars = 128 + 60 * np.sign(np.sin(np.arange(32) / 3))[:, None, None] + np.zeros((32, 32, 1))
    gains = rng.uniform(0.9, 1.1, (count, 1, 1, 1))
    return np.clip(gains * bars + rng.normal(0, 2, (count, 32, 32, 1)), 0, 255).astype(np.uint8)


def test_a_cell_holds_the_pixels_of_its_square() -> None:
    pictures = np.arange(2 * 8 * 12 * 3, dtype=np.uint8).reshape(2, 8, 12, 3)
    cells = pixel_cells(pictures)
    assert cells.shape == (2, 2, 3, 48)
    expected = pictures[1, 4:8, 8:12].ravel() / np.float32(127.5) - 1
    np.testing.assert_allclose(cells[1, 1, 2], expected, atol=1e-6)


def test_an_odd_spot_is_left_where_it_lies_and_usual_brightness_is_redrawn() -> None:
    scorer = fit_redrawing(pixel_cells(parts(20, 0)))
    asked = parts(4, 1)
    asked[2, 8:12, 20:24] = 40
    heat = scorer(pixel_cells(asked))
    assert heat.shape == (4, 8, 8)
    usual = heat[[0, 1, 3]].max()
    assert heat[2].max() > 5 * usual
    row, column = np.unravel_index(heat[2].argmax(), (8, 8))
    assert (abs(row - 2), abs(column - 5)) <= (1, 1)
