"""The texture of a layer: the root of its channels' correlations, and what the head reads of it."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from trainer.models.image.texture import square, texture, triangle
from trainer.models.layers.softmax import solve

RNG = np.random.default_rng(3)


def head_vectors(tap: NDArray[np.float32]) -> NDArray[np.float32]:
    given = keras.Input(tap.shape[1:])
    network = keras.Model(given, texture(given))
    found = network.predict_on_batch(tap)
    return np.asarray(found).reshape(len(tap), tap.shape[3], tap.shape[3])


def test_squared_it_is_the_correlation_matrix() -> None:
    mixing = np.eye(4) + 0.2 * RNG.normal(size=(4, 4))
    tap = (RNG.normal(size=(2, 12, 12, 4)) @ mixing * [1, 5, 1, 9] + 3).astype(np.float32)
    for root, one in zip(head_vectors(tap), tap.reshape(2, 144, 4), strict=True):
        np.testing.assert_allclose(root @ root, np.corrcoef(one.T), atol=2e-3)


def test_a_channel_that_never_varies_tells_nothing() -> None:
    tap = RNG.normal(size=(1, 6, 6, 3)).astype(np.float32)
    tap[..., 1] = 7.0
    (root,) = head_vectors(tap)
    assert np.isfinite(root).all()
    np.testing.assert_allclose(root[1], 0, atol=1e-3)


def test_a_kernel_for_the_triangle_gives_the_same_on_the_whole_matrix() -> None:
    half = RNG.normal(size=(5, 6, 6)).astype(np.float32)
    whole = (half + half.transpose(0, 2, 1)).reshape(5, 36)
    kernel = RNG.normal(size=(21, 2)).astype(np.float32)
    np.testing.assert_allclose(triangle(whole) @ kernel, whole @ square(kernel), rtol=1e-4)


def test_each_ridge_of_a_path_is_what_scikit_learn_finds() -> None:
    from sklearn.linear_model import LogisticRegression

    rows = RNG.normal(size=(60, 8)).astype(np.float32)
    targets = (rows[:, 0] + RNG.normal(size=60) * 0.3 > 0).astype(np.int64) + (rows[:, 1] > 1)
    weights = RNG.uniform(0.5, 2, 60)
    for ridge, (slopes, lifts) in zip(
        (0.03, 0.3), solve(rows, targets, weights, (0.03, 0.3), 500), strict=True
    ):
        theirs = LogisticRegression(C=ridge, tol=1e-8, max_iter=2000)
        theirs.fit(rows, targets, sample_weight=weights)
        mine = rows @ slopes + lifts
        wanted = theirs.decision_function(rows)
        mine, wanted = (x - x.mean(axis=1, keepdims=True) for x in (mine, wanted))
        np.testing.assert_allclose(mine, wanted, atol=0.01)
