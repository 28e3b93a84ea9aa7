"""A multinomial logistic regression with more features than rows, solved along a path of ridges.

scikit-learn solves it, in the coordinates of the rows: a penalty on squared weights keeps the
solution in the space of its rows, so N rows of F > 2 N features are turned into N coordinates, once
for all ridges. Measured on one core, three ridges, 225 rows of 7,300 features, six labels: 0.19 s
instead of 1.2 s, and the same labels for all held-out rows. A ridge starts where the last ended.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.models.image.feature_maps import Floats

LEAST_SQUARE = 1e-12
LOOSEST = 1e-5
"""Steps end where no slope of the mean loss is larger."""


def standardised(layers: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """Layers (N, F) side by side as (N, sum F) of mean 0 and spread 1, and mean and spread.

    A fiftieth of a layer's mean spread is added to each of its spreads: dead features stay small.
    """
    means = [layer.mean(axis=0) for layer in layers]
    spreads = [layer.std(axis=0) for layer in layers]
    spreads = [spread + 0.02 * float(spread.mean()) + 1e-9 for spread in spreads]
    rows = [(x - m) / s for x, m, s in zip(layers, means, spreads, strict=True)]
    return np.concatenate(rows, axis=1), np.concatenate(means), np.concatenate(spreads)


def solve(
    rows: Floats,
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
    ridges: Sequence[float],
    steps: int,
) -> list[tuple[Floats, Floats]]:
    """For each C of `ridges` slopes (F, K) and lifts (K,), K = targets.max() + 1.

    rows: (N, F) standardised; targets, weights: (N,), every label below K among the targets. At
    most `steps` steps of L-BFGS for each. A single label has slopes and lifts of 0.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    labels = int(targets.max()) + 1
    if labels == 1:
        return [(np.zeros((rows.shape[1], 1), np.float32), np.zeros(1, np.float32)) for _ in ridges]
    coordinates, basis = _own_space(rows)
    regression = LogisticRegression(tol=LOOSEST, max_iter=steps, warm_start=True)
    solutions = []
    for ridge in ridges:
        # Of two labels scikit-learn fits one vector w: the two of a softmax are -w/2 and w/2, and
        # the penalty on their squares is half of that on w.
        regression.set_params(C=ridge * (2 if labels == 2 else 1))
        # In so small a space two threads of a step wait longer for each other than they compute.
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)  # `steps` bounds the time
            regression.fit(coordinates, targets, weights)
        slopes, lifts = _of_every_label(regression.coef_, regression.intercept_)
        solutions.append((slopes if basis is None else basis @ slopes, lifts))
    return solutions


def _of_every_label(coefficients: Floats, intercepts: Floats) -> tuple[Floats, Floats]:
    """(K, F) and (K,), or (1, F) and (1,) of two labels -> slopes (F, K) and lifts (K,)."""
    slopes, lifts = coefficients.astype(np.float32), intercepts.astype(np.float32)
    if len(slopes) == 1:
        half, lift = slopes / np.float32(2), lifts / np.float32(2)
        return np.concatenate([-half, half]).T, np.concatenate([-lift, lift])
    return slopes.T, lifts


def _own_space(rows: Floats) -> tuple[Floats, Floats | None]:
    """(N, F) -> (N, N) coordinates and the basis (F, N), where that saves most of the work."""
    if 2 * len(rows) > rows.shape[1]:
        return rows, None
    squares, vectors = np.linalg.eigh((rows @ rows.T).astype(np.float64))
    # Rows of features that never vary have no length at all.
    lengths = np.sqrt(np.maximum(squares, max(1e-7 * squares[-1], LEAST_SQUARE)))
    basis = (rows.T @ (vectors / lengths)).astype(np.float32)
    return (vectors * np.sqrt(np.maximum(squares, 0))).astype(np.float32), basis
