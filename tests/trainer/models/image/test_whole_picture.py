"""The scorer of the whole picture finds what is a little odd everywhere."""

from __future__ import annotations

import numpy as np

from trainer.models.image.feature_maps import Floats
from trainer.models.image.whole_picture import fit_whole, whole_features


def good_parts(count: int, seed: int) -> Floats:
    """(count, 1, 1, 40): ten causes move forty features together, each with a little of its own."""
    mixed = np.random.default_rng(7).normal(size=(10, 40))
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, 10)) @ mixed + 0.1 * rng.normal(size=(count, 40))
    return rows[:, None, None].astype(np.float32)


def test_a_shift_against_the_usual_causes_is_farther_than_one_along_them() -> None:
    seen = good_parts(60, 1)
    rounded = seen + np.random.default_rng(3).normal(0, 0.01, seen.shape).astype(np.float32)
    whole = fit_whole(np.concatenate([seen, rounded]))
    against = np.linalg.svd(seen.reshape(60, 40), full_matrices=False)[2][-1].astype(np.float32)
    along = np.linalg.svd(seen.reshape(60, 40), full_matrices=False)[2][0].astype(np.float32)
    middle = seen.mean(axis=0, keepdims=True)
    odd, usual = (float(whole.heat(middle + 3 * one).item()) for one in (against, along))
    assert odd > 5 * usual


def test_fewer_parts_than_features_give_unseen_parts_no_distance_without_bounds() -> None:
    seen = np.repeat(good_parts(12, 1), 2, axis=0)
    whole = fit_whole(seen)
    inside, outside = whole.heat(seen).ravel(), whole.heat(good_parts(300, 2)).ravel()
    assert np.median(outside) < 4 * np.median(inside)


def test_parts_that_do_not_differ_have_a_distance_of_nothing() -> None:
    same = np.ones((6, 1, 1, 5), np.float32)
    np.testing.assert_allclose(fit_whole(same).heat(same), 0, atol=1e-3)


def test_the_features_of_a_part_are_those_of_its_positions_alone() -> None:
    import keras

    taps, part = [keras.Input((4, 4, 3)), keras.Input((2, 2, 5))], keras.Input((2, 2, 1))
    network = keras.Model([*taps, part], whole_features(taps, part))
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(2, *tap.shape[1:])).astype(np.float32) for tap in taps]
    shown = np.array([[[1, 0], [0, 1]], [[1, 1], [1, 1]]], np.float32)[..., None]
    found = network.predict([*given, shown], verbose=0)[:, 0, 0]
    for start, tap in ((0, given[0]), (6, given[1])):
        for row in range(2):
            wide = np.kron(shown[row, ..., 0], np.ones((len(tap[row]) // 2,) * 2)) > 0
            cells = tap[row][wide]
            away = np.abs(cells - cells.mean(axis=0)).mean(axis=0) / 2
            together = np.concatenate([cells.mean(axis=0), away])
            own = found[row, start : start + len(together)]
            np.testing.assert_allclose(own, together, atol=5e-3)


def test_the_features_are_means_and_half_the_mean_absolute_deviations() -> None:
    import keras

    taps = [keras.Input((4, 4, 3)), keras.Input((2, 2, 5))]
    network = keras.Model(taps, whole_features(taps))
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(2, *tap.shape[1:])).astype(np.float32) for tap in taps]
    found = network.predict(given, verbose=0)[:, 0, 0]
    for start, tap in ((0, given[0]), (6, given[1])):
        channels = tap.shape[3]
        away = np.abs(tap - tap.mean(axis=(1, 2), keepdims=True)).mean(axis=(1, 2)) / 2
        mean = found[:, start : start + channels]
        np.testing.assert_allclose(mean, tap.mean(axis=(1, 2)), atol=1e-5)
        spread = found[:, start + channels : start + 2 * channels]
        np.testing.assert_allclose(spread, away, atol=1e-5)
