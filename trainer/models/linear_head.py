"""The head of a transferred network: a logistic regression on pooled features.

No gradient ever runs through a random head. Which layers' features it sees, and how strongly it is
held back, is chosen by cross-validation over the training groups: what lies high in the network
knows ImageNet's things, what lies lower knows textures and edges, and parts differ in what tells.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from trainer.models.grid import Floats
from trainer.progress import Talk

RIDGES = (0.003, 0.03)
"""scikit-learn's C on standardised features: thousands of them for a few hundred images."""

FOLDS = 4
STEPS = 300
CHOICE_STEPS = 60

Layers = tuple[int, ...]
"""Places in the list of layers that are pooled."""


@dataclass(frozen=True)
class Head:
    """layers: what is read; kernels, bias: one (F, labels) for each of them, and (labels,)."""

    layers: Layers
    ridge: float
    kernels: list[Floats]
    bias: Floats


@dataclass(frozen=True)
class Choice:
    """layers and ridge that did best, and the mean over classes of what was right out of fold.

    logits: (N, labels), each row from a regression that saw none of its group; None without folds.
    """

    layers: Layers
    ridge: float
    right: float = float("nan")
    logits: Floats | None = None


def choose(
    features: Sequence[Floats],
    targets: NDArray[np.int64],
    groups: NDArray[np.str_],
    labels: int,
    candidates: Sequence[Layers],
    balanced: bool,
    talk: Talk,
) -> Choice:
    """The layers and ridge that name most left-out inputs right, every class counting the same;
    where they tie, of the least log loss; the first candidate where no group can be left out.

    features: one (N, F) for each layer; targets: (N,); groups: (N,), never straddling folds.
    """
    folds = left_out(targets, groups)
    tried = list(product(candidates, RIDGES))
    if not folds:
        return Choice(candidates[0], RIDGES[0])
    best, likely = Choice(*tried[0]), -np.inf
    with talk.steps("which features tell", len(tried)) as bar:
        for layers, ridge in tried:
            rows = np.concatenate([features[layer] for layer in layers], axis=1)
            logits = _out_of_fold(rows, targets, labels, folds, ridge, balanced)
            right, likelihood = _merit(logits, targets)
            if best.logits is None or (right, likelihood) > (best.right, likely):
                best, likely = Choice(layers, ridge, right, logits), likelihood
            bar.advance(note=f"{right:.1%} right")
    return best


def regress(
    features: Sequence[Floats],
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
    labels: int,
    choice: Choice,
    balanced: bool,
) -> Head:
    """Fit the head on all rows; a label without a training input is never the answer.

    features: one (N, F) for each layer; targets, weights: (N,).
    """
    rows = np.concatenate([features[layer] for layer in choice.layers], axis=1)
    kernel, bias = _linear(rows, targets, weights, labels, choice.ridge, balanced, STEPS)
    ends = np.cumsum([features[layer].shape[1] for layer in choice.layers])
    return Head(choice.layers, choice.ridge, np.split(kernel, ends[:-1]), bias)


def _linear(
    rows: Floats,
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
    labels: int,
    ridge: float,
    balanced: bool,
    steps: int,
) -> tuple[Floats, Floats]:
    """(F, labels) and (labels,) of the regression, its standardisation folded in."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread += 0.02 * float(spread.mean()) + 1e-9
    seen, basis = _own_space((rows - mean) / spread)
    weight = "balanced" if balanced else None
    regression = LogisticRegression(C=ridge, max_iter=steps, class_weight=weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `steps` is where it shall end
        regression.fit(seen, targets, sample_weight=weights)
    slopes, lifts = _all_labels(regression.coef_, regression.intercept_)
    slopes = slopes if basis is None else slopes @ basis.T
    kernel = np.zeros((rows.shape[1], labels), np.float32)
    bias = np.full(labels, float(lifts.min()) - 10.0, np.float32)
    kernel[:, regression.classes_] = slopes.T / spread[:, None]
    bias[regression.classes_] = lifts - mean @ kernel[:, regression.classes_]
    return kernel, bias


def _own_space(rows: Floats) -> tuple[Floats, Floats | None]:
    """(N, F) -> (N, N) coordinates and the basis (F, N), where that saves most of the work.

    A regression with a penalty on its squared weights never leaves the space of its rows.
    """
    if 2 * len(rows) > rows.shape[1]:
        return rows, None
    squares, turns = np.linalg.eigh(rows.astype(np.float64) @ rows.T)
    lengths = np.sqrt(np.maximum(squares, 1e-9 * squares[-1]))
    basis = (rows.T @ (turns / lengths)).astype(np.float32)
    return rows @ basis, basis


def _out_of_fold(
    rows: Floats,
    targets: NDArray[np.int64],
    labels: int,
    folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    ridge: float,
    balanced: bool,
) -> Floats:
    """(N, labels): each row's logits by the regression on the other folds."""
    logits, even = np.zeros((len(rows), labels), np.float32), np.ones(len(rows))
    for seen, held in folds:
        kernel, bias = _linear(
            rows[seen], targets[seen], even[seen], labels, ridge, balanced, CHOICE_STEPS
        )
        logits[held] = rows[held] @ kernel + bias
    return logits


def _merit(logits: Floats, targets: NDArray[np.int64]) -> tuple[float, float]:
    """(share right, log likelihood), every class weighing the same."""
    above = logits - logits.max(axis=1, keepdims=True)
    own = above[np.arange(len(above)), targets] - np.log(np.exp(above).sum(axis=1))
    weights = 1 / np.bincount(targets)[targets]
    weights /= weights.sum()
    right = logits.argmax(axis=1) == targets
    return float((right * weights).sum()), float((own * weights).sum())


def left_out(
    targets: NDArray[np.int64], groups: NDArray[np.str_]
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """(seen, held) pairs that keep groups together; none where a class has one group only."""
    from sklearn.model_selection import StratifiedGroupKFold

    fewest = min(len(np.unique(groups[targets == label])) for label in np.unique(targets))
    if fewest < 2 or len(np.unique(targets)) < 2:
        return []
    cut = StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=0)
    pairs = list(cut.split(targets, targets, groups))
    whole = [(a, b) for a, b in pairs if len(np.unique(targets[a])) == len(np.unique(targets))]
    return whole if len(whole) == len(pairs) else []


def _all_labels(
    slopes: NDArray[np.float64], lifts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two classes come as one row; give each its own."""
    if len(slopes) > 1:
        return slopes, lifts
    return np.concatenate([-slopes, slopes]) / 2, np.concatenate([-lifts, lifts]) / 2
