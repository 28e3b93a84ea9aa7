"""The mean of the scorers: cells by the logarithm of their distance, and a distance again."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.models.image.heat_mean import mean_heat, set_mean, to_logarithm, weighted


def test_distances_above_a_typical_part_count_by_their_logarithm() -> None:
    """ln(1 + 3 x) / ln 4: of x = 5 it is ln 16 / ln 4 = 2, of x = 21 ln 64 / ln 4 = 3."""
    given = np.array([-4.0, -1.0, 0.0, 1.0, 5.0, 21.0], np.float32)
    np.testing.assert_allclose(to_logarithm(given), [-4, -1, 0, 1, 2, 3], rtol=1e-6)


def test_cells_alone_count_by_their_logarithm() -> None:
    """A logarithm of 3, a picture 2 away and log odds of 2: 2.5 together, and 4 ** 2.5 is 32."""
    heats = np.array([21, 2, 2], np.float32).reshape(3, 1, 1, 1)
    assert weighted(heats, [0.5, 0.25, 0.25], are_squares=True).item() == pytest.approx(
        (32 - 1) / 3
    )


def test_cells_alone_are_what_they_are() -> None:
    heats = np.array([-2.0, 0.0, 0.3, 1.0, 40.0], np.float32)[None, :, None, None]
    np.testing.assert_allclose(weighted(heats, [1.0], are_squares=True), heats[0], rtol=1e-5)


def test_defects_beyond_all_measure_keep_their_order() -> None:
    heats = np.repeat(np.array([1e5, 1e6, 1e20, 1e30], np.float32)[None, :, None, None], 3, 0)
    scores = weighted(heats, [0.25, 0.25, 0.5], are_squares=True).ravel()
    assert np.isfinite(scores).all()
    assert (np.diff(scores) > 0).all()


@pytest.mark.parametrize("are_squares", [True, False])
def test_the_layers_of_the_graph_are_the_same_mean(are_squares: bool) -> None:
    import keras

    given = [keras.Input((1, 1, 1)) for _ in range(3)]
    network = keras.Model(given, mean_heat(given, are_squares=are_squares))
    set_mean(network, [0.5, 0.2, 0.3], (2.0, -1.0))
    one = np.array([-5, 0, 0.5, 1, 40, 3000, 1e20], np.float32)
    heats = np.stack([one, one[::-1] / 4, np.minimum(one, 50)])[..., None, None, None]
    graph = network.predict_on_batch(list(heats))
    known = 2 * weighted(heats[..., 0], [0.5, 0.2, 0.3], are_squares=are_squares) - 1
    np.testing.assert_allclose(np.asarray(graph)[..., 0], known, rtol=2e-4, atol=1e-5)


def test_a_heat_that_overflows_is_no_nothing() -> None:
    """Not a number would be below every threshold."""
    import keras

    given = [keras.Input((1, 1, 1)) for _ in range(2)]
    network = keras.Model(given, mean_heat(given, are_squares=True))
    set_mean(network, [0.6, 0.4], (1.0, 0.0))
    heats = [np.full((1, 1, 1, 1), value, np.float32) for value in (np.inf, 1.0)]
    assert np.asarray(network.predict_on_batch(heats)).item() > 1e5


def test_distances_that_are_no_squares_are_plainly_averaged() -> None:
    heats = np.array([21, 2, 2], np.float32).reshape(3, 1, 1, 1)
    assert weighted(heats, [0.5, 0.25, 0.25], are_squares=False).item() == pytest.approx(11.5)
