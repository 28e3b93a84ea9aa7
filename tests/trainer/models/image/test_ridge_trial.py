"""A trial by least squares ranks features as scikit-learn's ridge regression does."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from trainer.models.image.linear_head import left_out
from trainer.models.image.ridge_trial import PENALTIES, kernel_of, share_right


def features(distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Three classes of 40 in 12 features, two of which tell them apart."""
    rng, targets = np.random.default_rng(0), np.repeat(np.arange(3), 40)
    rows = rng.normal(size=(120, 12)).astype(np.float32)
    rows[:, :2] += distance * np.array([[0, 0], [1, 0], [0, 1]])[targets]
    return rows, targets


def test_what_tells_is_right_and_noise_is_at_chance() -> None:
    for distance, least, most in ((30.0, 0.95, 1.0), (0.0, 0.2, 0.5)):
        rows, targets = features(distance)
        folds = left_out(targets, np.arange(120).astype(str))
        assert least <= share_right(kernel_of(rows), targets, folds, True) <= most


@pytest.mark.parametrize("distance", [4.0, 8.0])
def test_it_is_the_best_ridge_regression_of_scikit_learn(distance: float) -> None:
    rows, targets = features(distance)
    folds = left_out(targets, np.arange(120).astype(str))
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    kernel = (rows @ rows.T).astype(np.float32)
    unit = 2 * np.trace(kernel) / len(kernel)
    best = 0.0
    for penalty in PENALTIES:
        right = [
            RidgeClassifier(alpha=penalty * unit)
            .fit(rows[a], targets[a])
            .score(rows[b], targets[b])
            for a, b in folds
        ]
        best = max(best, float(np.average(right, weights=[len(b) for _, b in folds])))
    assert share_right(kernel, targets, folds, False) == pytest.approx(best, abs=0.05)


def test_a_class_counts_the_same_however_rare_it_is() -> None:
    rows, targets = features(0.0)
    kept = np.concatenate([np.arange(80), [80, 81, 82, 83]])
    rows[targets == 2] += 50
    folds = left_out(targets[kept], kept.astype(str))
    found = share_right(kernel_of(rows[kept]), targets[kept], folds, True)
    assert found > 0.5, "the rare class alone is a third"


def test_what_is_no_number_is_worth_no_number() -> None:
    nothing = np.full((4, 4), np.nan, np.float32)
    assert np.isnan(share_right(nothing, np.array([0, 0, 1, 1]), [], True))
