"""The logistic regression on few rows of many features: least loss, along the path of ridges."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from trainer.models.layers.softmax import solve, standardised

RNG = np.random.default_rng(6)


def loss_of(
    kernel: NDArray[np.floating],
    rows: NDArray[np.floating],
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
    ridge: float,
) -> float:
    """Weighted log loss and 1 / (2 C) times the squared slopes, as the docstring states it."""
    slopes, lifts = kernel[:-1], kernel[-1]
    logits = rows @ slopes + lifts
    own = logits[np.arange(len(rows)), targets] - np.logaddexp.reduce(logits, axis=1)
    return float(-(weights * own).sum() + np.square(slopes).sum() / (2 * ridge))


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("features", [4, 40])
def test_no_other_slopes_have_a_smaller_loss(labels: int, features: int) -> None:
    rows = RNG.normal(size=(18, features)).astype(np.float32)
    targets = np.arange(18) % labels
    weights = RNG.uniform(0.5, 2, 18)
    ridges = (0.03, 0.3)
    for ridge, (slopes, lifts) in zip(
        ridges, solve(rows, targets, weights, ridges, 500), strict=True
    ):
        start = np.concatenate([slopes, lifts[None]]).astype(np.float64)
        problem = (rows, targets, weights, ridge)
        found = loss_of(start, *problem)
        least = minimize(
            lambda flat, *given: loss_of(flat.reshape(features + 1, labels), *given),
            start.ravel(),
            args=problem,
            method="L-BFGS-B",
        ).fun
        assert found - least < 1e-3 * least


def test_a_single_label_needs_no_slopes() -> None:
    rows = RNG.normal(size=(5, 7)).astype(np.float32)
    ((slopes, lifts),) = solve(rows, np.zeros(5, np.int64), np.ones(5), (0.3,), 100)
    assert slopes.shape == (7, 1)
    assert not slopes.any()
    assert not lifts.any()


def test_layers_are_standardised_side_by_side_and_dead_features_stay_small() -> None:
    first = RNG.normal(3, 2, (50, 4)).astype(np.float32)
    second = np.full((50, 2), 9.0, np.float32)
    second[:, 0] = RNG.normal(0, 100, 50)
    rows, mean, spread = standardised([first, second])
    assert rows.shape == (50, 6)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(rows[:, :4].std(axis=0), 1, atol=0.05)
    assert np.abs(rows[:, 5]).max() < 1e-3, "a constant feature"
    np.testing.assert_allclose(rows * spread + mean, np.concatenate([first, second], 1), rtol=1e-3)


def test_features_that_never_vary_give_no_slopes_but_the_labels_shares() -> None:
    targets = np.array([0, 0, 0, 1])
    ((slopes, lifts),) = solve(np.zeros((4, 20), np.float32), targets, np.ones(4), [0.3], 100)
    np.testing.assert_array_equal(slopes, 0)
    assert lifts[0] - lifts[1] == pytest.approx(np.log(3), abs=0.01)
