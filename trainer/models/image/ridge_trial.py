"""How well a linear head would tell classes on some features: least squares, out of fold.

Dozens of choices of layers are compared by it in the time of one logistic regression: the pictures'
products of each layer are computed once, products of several layers are their sum, and one
decomposition of a fold serves every penalty. Ridge regression in its dual form: Saunders, Gammerman
and Vovk, Ridge Regression Learning Algorithm in Dual Variables, ICML 1998.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.models.image.feature_maps import Floats
from trainer.models.layers.softmax import standardised

PENALTIES = (0.0003, 0.003, 0.03, 0.3, 3.0)
"""On the squares of the weights, in parts of the mean eigenvalue of a fold's products."""

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Places that are seen, and those that are left out."""


def kernel_of(features: Floats) -> Floats:
    """(N, F) of a layer -> products (N, N) of its standardised features."""
    rows, _, _ = standardised([features])
    return np.asarray(rows @ rows.T, np.float32)


def share_right(
    kernel: Floats, targets: NDArray[np.int64], folds: Sequence[Fold], balanced: bool
) -> float:
    """The share right, every class counting the same, with the penalty that does best; not a number
    where the products are none.

    kernel: (N, N) products; targets: (N,); balanced: whether classes weigh the same in the fit too.
    """
    if np.isnan(kernel).any():
        return float("nan")
    right = _right(kernel, targets, folds, balanced)
    return float(_shares(right, targets).max())


def right_out_of_fold(
    kernel: Floats, targets: NDArray[np.int64], folds: Sequence[Fold], balanced: bool
) -> NDArray[np.bool_]:
    """(N,): what is told right with the penalty that does best, arguments as of `share_right`."""
    right = _right(kernel, targets, folds, balanced)
    return np.asarray(right[_shares(right, targets).argmax()])


def _right(
    kernel: Floats, targets: NDArray[np.int64], folds: Sequence[Fold], balanced: bool
) -> NDArray[np.bool_]:
    """(penalties, N)"""
    wanted = np.equal.outer(targets, np.unique(targets)).astype(np.float64)
    right = np.zeros((len(PENALTIES), len(targets)), np.bool_)
    for seen, held in folds:
        scores = _left_out(kernel.astype(np.float64), wanted, seen, held, balanced)
        right[:, held] = scores.argmax(axis=2) == wanted[held].argmax(axis=1)
    return right


def _shares(right: NDArray[np.bool_], targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """(penalties,): the shares right, every class counting the same."""
    _, label, counts = np.unique(targets, return_inverse=True, return_counts=True)
    return np.asarray(np.average(right, axis=1, weights=1 / counts[label]))


def _left_out(
    kernel: NDArray[np.float64],
    wanted: NDArray[np.float64],
    seen: NDArray[np.intp],
    held: NDArray[np.intp],
    balanced: bool,
) -> NDArray[np.float64]:
    """(penalties, held, labels): scores by the regression on what is seen.

    Rows of a weighted fit count by the roots of their weights. A constant feature as large as all
    others together takes the place of an intercept.
    """
    from threadpoolctl import threadpool_limits

    counts = wanted[seen].sum(axis=0)
    weights = 1 / counts[wanted[seen].argmax(axis=1)] if balanced else np.ones(len(seen))
    roots = np.sqrt(weights * len(seen) / weights.sum())[:, None]
    products = kernel + np.trace(kernel) / len(kernel)
    with threadpool_limits(1):  # two threads wait longer for each other than they compute
        values, vectors = np.linalg.eigh(roots * products[np.ix_(seen, seen)] * roots.T)
    ahead = vectors.T @ (roots * wanted[seen])
    behind = products[np.ix_(held, seen)] @ (roots * vectors)
    unit = max(float(values.sum()) / len(seen), 1e-12)
    return np.stack([behind @ (ahead / (values + one * unit)[:, None]) for one in PENALTIES])
