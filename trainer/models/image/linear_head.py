"""The head of a transferred network: a logistic regression on pooled features.

No gradient ever runs through a random head. Which layers' features it sees, and how strongly it is
held back, is chosen by cross-validation over the training groups: what lies high in the network
knows ImageNet's things, what lies lower knows textures and edges, and parts differ in what tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.console.progress import Progress
from trainer.models.image.feature_maps import Floats
from trainer.models.layers.softmax import solve, standardised

RIDGES = (0.003, 0.03, 0.3, 3.0, 30.0)
"""C on standardised features, from the strongest penalty on: thousands of them for a few hundred
images. The weakest hardly penalises; each is reached from the one before."""

FOLDS = 4
STEPS = 300
CHOICE_STEPS = 100

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
    progress: Progress,
) -> Choice:
    """The layers and ridge that name most left-out inputs right, every class counting the same;
    where they tie, of the least log loss; the first candidate where no group can be left out.

    features: one (N, F) for each layer; targets: (N,); groups: (N,), never straddling folds.
    """
    folds = left_out(targets, groups)
    if not folds:
        return Choice(candidates[0], RIDGES[0])
    best, likely = Choice(candidates[0], RIDGES[0]), -np.inf
    with progress.steps("which features tell", len(candidates)) as bar:
        for layers in candidates:
            rows = [features[layer] for layer in layers]
            for ridge, logits in zip(
                RIDGES, _out_of_fold(rows, targets, labels, folds, balanced), strict=True
            ):
                right, likelihood = _merit(logits, targets)
                if best.logits is None or (right, likelihood) > (best.right, likely):
                    best, likely = Choice(layers, ridge, right, logits), likelihood
            bar.advance(note=f"{best.right:.1%} right")
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

    features: one (N, F) for each layer; targets, weights: (N,). The ridge is reached from the
    stronger ones, as in the choice: a weak one alone is not reached in STEPS.
    """
    rows = [features[layer] for layer in choice.layers]
    path = [*(one for one in RIDGES if one < choice.ridge), choice.ridge]
    *_, (kernel, bias) = _linear(rows, targets, weights, labels, path, balanced, STEPS)
    ends = np.cumsum([layer.shape[1] for layer in rows])
    return Head(choice.layers, choice.ridge, np.split(kernel, ends[:-1]), bias)


def _linear(
    layers: Sequence[Floats],
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
    labels: int,
    ridges: Sequence[float],
    balanced: bool,
    steps: int,
) -> list[tuple[Floats, Floats]]:
    """(F, labels) and (labels,) of the regression at each ridge, its standardisation folded in."""
    rows, mean, spread = standardised(layers)
    seen, columns = np.unique(targets, return_inverse=True)
    if balanced:
        weights = weights * (len(targets) / len(seen) / np.bincount(columns))[columns]
    solutions = []
    for slopes, lifts in solve(rows, columns, weights, ridges, steps):
        kernel = np.zeros((rows.shape[1], labels), np.float32)
        bias = np.full(labels, float(lifts.min()) - 10.0, np.float32)
        kernel[:, seen] = slopes / spread[:, None]
        bias[seen] = lifts - mean @ kernel[:, seen]
        solutions.append((kernel, bias))
    return solutions


def _out_of_fold(
    layers: Sequence[Floats],
    targets: NDArray[np.int64],
    labels: int,
    folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    balanced: bool,
) -> list[Floats]:
    """For each of RIDGES (N, labels): each row's logits by the regression on the other folds."""
    logits = [np.zeros((len(targets), labels), np.float32) for _ in RIDGES]
    for seen, left_out in folds:
        rows, even = [layer[seen] for layer in layers], np.ones(len(seen))
        solutions = _linear(rows, targets[seen], even, labels, RIDGES, balanced, CHOICE_STEPS)
        left = np.concatenate([layer[left_out] for layer in layers], axis=1)
        for number, (kernel, bias) in enumerate(solutions):
            logits[number][left_out] = left @ kernel + bias
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
