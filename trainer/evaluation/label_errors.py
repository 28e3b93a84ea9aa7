"""Probable label errors, from predictions of models that did not train on the sample.

After confident learning (Northcutt, Jiang & Chuang, JAIR 70, 2021): a sample is suspicious when
the model believes another label as firmly as it believes that label on average where it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.model.scoring import softmax

LEAST_BELIEF = 0.5
"""Of the label that a network suggests, to be shown as a doubt."""


@dataclass(frozen=True)
class Doubt:
    """A sample whose label is probably wrong: its row, both label numbers, and how sure."""

    row: int
    given: int
    suggested: int
    margin: float


@dataclass(frozen=True)
class JudgedLabels:
    """Samples beside what networks that saw none of their groups say of them.

    samples: (N,) places in Dataset.samples; given: (N,) label numbers; probabilities: (N, K).
    """

    samples: NDArray[np.intp]
    given: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def doubts(self) -> list[Doubt]:
        """Probable label errors of which the network is sure, the surest first.

        Sure: it believes the other label more than all the rest together.
        """
        found = probable_label_errors(self.probabilities, self.given)
        return [one for one in found if self.probabilities[one.row, one.suggested] > LEAST_BELIEF]


def judged_labels(
    samples: NDArray[np.intp], logits: NDArray[np.float64], given: NDArray[np.int64]
) -> JudgedLabels:
    """From the samples' logits (N, K)."""
    return JudgedLabels(samples, given, softmax(logits))


def probable_label_errors(
    probabilities: NDArray[np.float64], given: NDArray[np.int64]
) -> list[Doubt]:
    """Doubts, the surest first. probabilities: (N, K), out of fold; given: (N,) label numbers."""
    count = probabilities.shape[1]
    usual = np.array([_usual(probabilities, given, label) for label in range(count)])
    firm = np.where(probabilities >= usual, probabilities, -1.0)
    suggested = firm.argmax(axis=1)
    rows = np.flatnonzero((firm.max(axis=1) >= 0) & (suggested != given))
    margins = probabilities[rows, suggested[rows]] - probabilities[rows, given[rows]]
    doubts = [
        Doubt(int(row), int(given[row]), int(suggested[row]), float(margin))
        for row, margin in zip(rows, margins, strict=True)
        if margin > 0
    ]
    return sorted(doubts, key=lambda doubt: -doubt.margin)


def _usual(probabilities: NDArray[np.float64], given: NDArray[np.int64], label: int) -> float:
    """The mean belief in a label where it is given; 2 where it never is."""
    of_label = given == label
    return float(probabilities[of_label, label].mean()) if of_label.any() else 2.0
