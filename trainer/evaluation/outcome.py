"""The figures of held-out samples: labels, verdicts, rankings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.run_folder.metrics import Metric
from trainer.statistics import metrics

Values = TypeVar("Values", bound=np.generic)


@dataclass(frozen=True)
class Outcome:
    """Held-out samples and their judgements.

    truth, predicted: label numbers (predicted is -1 for a detector, which names no class);
    scores: higher is worse; rejected: verdict FAIL; undecided: verdict NO-VERDICT, None of a
    model that decides on everything; unseen: no part was seen, so that label and score say
    nothing, None where all were.
    values: (M,) true values of a regression, whose predicted ones are `scores` and whose intervals
    are `ends`, (M, 2); None for labels.
    """

    labels: list[str]
    good: list[str]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    scores: NDArray[np.float64]
    rejected: NDArray[np.bool_]
    groups: list[str]
    values: NDArray[np.float64] | None = None
    ends: NDArray[np.float64] | None = None
    undecided: NDArray[np.bool_] | None = None
    unseen: NDArray[np.bool_] | None = None

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Of which samples label and score say something."""
        return np.ones(len(self.truth), np.bool_) if self.unseen is None else ~self.unseen

    @property
    def seen_groups(self) -> list[str]:
        """The groups of these."""
        return [one for one, seen in zip(self.groups, self.seen, strict=True) if seen]

    @property
    def bad(self) -> NDArray[np.bool_]:
        """Whether each sample is a defect."""
        is_good = np.array([label in self.good for label in self.labels])
        return np.asarray(~is_good[self.truth])

    @property
    def classifies(self) -> bool:
        """Whether labels were predicted, not only scores."""
        return self.values is None and bool((self.predicted >= 0).all())


class Numbered(NamedTuple):
    """labels: those of a model, then others of the samples, sorted; truth, predicted: (N,) as in
    Outcome.
    """

    labels: list[str]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]


def numbered(
    learnt: Sequence[str], truth: Sequence[str], predicted: Sequence[str], *, classifies: bool
) -> Numbered:
    """The names of N samples as label numbers. learnt: the labels of the model; classifies: whether
    `predicted` are labels, not the words of a detector.
    """
    labels = [*learnt, *sorted(set(truth) - set(learnt))]
    number_of = {label: number for number, label in enumerate(labels)}
    names = number_of if classifies else {}
    return Numbered(
        labels,
        np.array([number_of[name] for name in truth], np.int64),
        np.array([names.get(name, -1) for name in predicted], np.int64),
    )


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """The samples of several outcomes of models with the same good labels, one after the other."""
    labels = list(dict.fromkeys(label for one in outcomes for label in one.labels))
    # The last place is for -1, for a detector, which names no class.
    places = [np.array([*map(labels.index, one.labels), -1], np.int64) for one in outcomes]
    pairs = list(zip(outcomes, places, strict=True))
    return Outcome(
        labels=labels,
        good=outcomes[0].good,
        truth=np.concatenate([place[one.truth] for one, place in pairs]),
        predicted=np.concatenate([place[one.predicted] for one, place in pairs]),
        scores=np.concatenate([one.scores for one in outcomes]),
        rejected=np.concatenate([one.rejected for one in outcomes]),
        groups=[group for one in outcomes for group in one.groups],
        values=_all_of([one.values for one in outcomes]),
        ends=_all_of([one.ends for one in outcomes]),
        undecided=_any_of([(one.undecided, len(one.truth)) for one in outcomes]),
        unseen=_any_of([(one.unseen, len(one.truth)) for one in outcomes]),
    )


def figures(outcome: Outcome) -> dict[str, Metric]:
    """All figures that make sense for the outcome, by name."""
    computed: dict[str, Metric] = {}
    if outcome.values is not None:
        return _value_figures(outcome, outcome.values)
    if outcome.classifies:
        computed |= _label_figures(outcome)
    bad = outcome.bad
    if bad.any() and not bad.all():
        computed |= _verdict_figures(outcome)
    elif not outcome.classifies and len(bad):
        rejected = metrics.share(int(outcome.rejected.sum()), len(bad))
        computed["detected" if bad.all() else "false_reject"] = rejected
    return computed | _undecided_figures(outcome)


def class_rows(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Label -> precision, recall, f1, n, of the samples whose labels say something."""
    truth, predicted = outcome.truth[outcome.seen], outcome.predicted[outcome.seen]
    table = metrics.confusion(truth, predicted, len(outcome.labels))
    return dict(zip(outcome.labels, metrics.per_class(table), strict=True))


def class_rankings(
    outcome: Outcome, probabilities: NDArray[np.float64]
) -> dict[str, dict[str, float]]:
    """Label -> auroc and average_precision of the belief in it, (M, K), against all others.

    A label that none or all of the samples bear has no ranking and is left out.
    """
    rankings, labels = {}, outcome.labels
    truth, probabilities = outcome.truth[outcome.seen], probabilities[outcome.seen]
    for number in range(probabilities.shape[1]):
        is_label = truth == number
        if is_label.any() and not is_label.all():
            rankings[labels[number]] = {
                "auroc": metrics.auroc(is_label, probabilities[:, number]),
                "average_precision": metrics.average_precision(is_label, probabilities[:, number]),
            }
    return rankings


def _label_figures(outcome: Outcome) -> dict[str, Metric]:
    """The accuracy counts what was not seen as wrong; F1 is of the samples whose labels say
    something, and left out where there are none.
    """
    right = (outcome.truth == outcome.predicted) & outcome.seen
    found = {"accuracy": metrics.wilson(int(right.sum()), len(right))}
    if outcome.seen.any():
        truth, predicted = outcome.truth[outcome.seen], outcome.predicted[outcome.seen]
        count = len(outcome.labels)
        found["macro_f1"] = metrics.bootstrapped_share(
            lambda rows: metrics.macro_f1(truth[rows], predicted[rows], count), outcome.seen_groups
        )
    return found


def _verdict_figures(outcome: Outcome) -> dict[str, Metric]:
    bad, rejected = outcome.bad, outcome.rejected
    right = rejected == bad
    if outcome.undecided is not None:
        right &= ~outcome.undecided
    detected, refused = int((rejected & bad).sum()), int((rejected & ~bad).sum())
    return {
        "verdict_accuracy": metrics.wilson(int(right.sum()), len(right)),
        "detected": metrics.share(detected, int(bad.sum())),
        "false_reject": metrics.share(refused, int((~bad).sum())),
    } | _ranking_figures(outcome)


def _ranking_figures(outcome: Outcome) -> dict[str, Metric]:
    """Of the samples whose scores say something; {} where they are all good, or all bad."""
    bad, scores = outcome.bad[outcome.seen], outcome.scores[outcome.seen]
    groups = outcome.seen_groups
    if not bad.any() or bad.all():
        return {}
    return {
        "recall_at_1pct_false_reject": metrics.recall_figure(bad, scores, groups, 0.01),
        "auroc": metrics.auroc_figure(bad, scores, groups),
        "average_precision": metrics.precision_figure(bad, scores, groups),
    }


def _undecided_figures(outcome: Outcome) -> dict[str, Metric]:
    """Of samples with NO-VERDICT, good and bad; {} for a model that decides on everything."""
    if outcome.undecided is None:
        return {}
    sides = {"undecided_bad": outcome.bad, "undecided_good": ~outcome.bad}
    return {
        name: metrics.share(int(outcome.undecided[side].sum()), int(side.sum()))
        for name, side in sides.items()
        if side.any()
    }


def _value_figures(outcome: Outcome, truth: NDArray[np.float64]) -> dict[str, Metric]:
    predicted = outcome.scores
    figures = {
        "rmse": metrics.bootstrapped(
            lambda rows: metrics.rmse(truth[rows], predicted[rows]), outcome.groups
        ),
        "mae": metrics.bootstrapped(
            lambda rows: float(np.abs(truth[rows] - predicted[rows]).mean()), outcome.groups
        ),
    }
    if outcome.ends is not None:
        low, high = outcome.ends.T
        inside = (low <= truth) & (truth <= high)
        figures["interval_coverage"] = metrics.bootstrapped(
            lambda rows: float(inside[rows].mean()), outcome.groups
        )
        figures["interval_width"] = metrics.bootstrapped(
            lambda rows: float((high - low)[rows].mean()), outcome.groups
        )
    return figures


def _all_of(parts: Sequence[NDArray[Values] | None]) -> NDArray[Values] | None:
    """None where one part has none: models of one kind have all or none."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def _any_of(parts: Sequence[tuple[NDArray[np.bool_] | None, int]]) -> NDArray[np.bool_] | None:
    """None where all are; else False for those of a part that is None."""
    if all(part is None for part, _ in parts):
        return None
    return np.concatenate([np.zeros(n, np.bool_) if part is None else part for part, n in parts])
