"""A multinomial logistic regression with more features than rows, solved along a path of ridges.

A penalty on squared weights keeps the solution in the space of its rows, so few rows of many
features are turned into as many coordinates as there are rows, once for all ridges; each ridge then
starts where the last one ended. The penalty is scikit-learn's: 1 / (2 C) times the squared weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.models.image.feature_maps import Floats

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

    rows: (N, F) standardised; targets, weights: (N,). At most `steps` steps of L-BFGS for each.
    """
    seen, basis = _own_space(rows)
    start = np.zeros((seen.shape[1] + 1, int(targets.max()) + 1))
    solutions = []
    for ridge in ridges:
        start = _descended(seen, targets, weights, ridge, steps, start)
        slopes = start[:-1].astype(np.float32)
        solutions.append(
            (slopes if basis is None else basis @ slopes, start[-1].astype(np.float32))
        )
    return solutions


def _descended(
    rows: Floats,
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
    ridge: float,
    steps: int,
    start: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(F + 1, K): slopes and, last, lifts of least loss, from `start` on."""
    from scipy.optimize import minimize

    truth = np.eye(start.shape[1])[targets]
    whole = float(weights.sum())

    def loss(flat: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        kernel = flat.reshape(start.shape)
        logits = (rows @ kernel[:-1].astype(rows.dtype)).astype(np.float64) + kernel[-1]
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        sums = odds.sum(axis=1, keepdims=True)
        off = weights[:, None] * (odds / sums - truth)
        lost = (weights * (np.log(sums[:, 0]) - (logits * truth).sum(axis=1))).sum()
        lost += (kernel[:-1] ** 2).sum() / (2 * ridge)
        slope = np.concatenate([rows.T @ off.astype(rows.dtype), off.sum(axis=0)[None]])
        slope[:-1] += kernel[:-1] / ridge
        return lost / whole, slope.ravel() / whole

    options: Any = {"maxiter": steps, "gtol": LOOSEST}
    result = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(result.x).reshape(start.shape)


def _own_space(rows: Floats) -> tuple[Floats, Floats | None]:
    """(N, F) -> (N, N) coordinates and the basis (F, N), where that saves most of the work."""
    if 2 * len(rows) > rows.shape[1]:
        return rows, None
    squares, turns = np.linalg.eigh((rows @ rows.T).astype(np.float64))
    lengths = np.sqrt(np.maximum(squares, 1e-7 * squares[-1]))
    basis = (rows.T @ (turns / lengths)).astype(np.float32)
    return (turns * np.sqrt(np.maximum(squares, 0))).astype(np.float32), basis
