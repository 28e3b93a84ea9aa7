"""The reference for a network on process data: gradient boosting on the same rows.

Trees are hard to beat on tables (Grinsztajn et al., NeurIPS 2022), so every run says who won.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.process.input import TabularInput, series_rows
from edge_agent.contracts.run_folder.metrics import Metric
from trainer.data.process.columns import rows_of, table_of
from trainer.data.samples import Dataset, Indices
from trainer.data.split import Split
from trainer.evaluation.outcome import Outcome
from trainer.models.process.features import plain_rows
from trainer.statistics.metrics import average_precision, bootstrapped, rmse

Numbers = NDArray[np.float64]
NAME = "gradient boosting"


def gbm_report(split: Split, spec: TabularInput, outcome: Outcome, seed: int) -> dict[str, object]:
    """Name, both figures, which is better, and the paired interval of the difference; {} without
    a comparison.

    Classes with good and bad labels are compared by average precision, values by RMSE.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="openmp"):
        return _compare(split, spec, outcome, seed)


def _compare(split: Split, spec: TabularInput, outcome: Outcome, seed: int) -> dict[str, object]:
    if outcome.values is not None:
        boosted = boosted_values(split, spec, seed)
        truth, scores = outcome.values, outcome.scores
        figure = bootstrapped(lambda rows: rmse(truth[rows], boosted[rows]), outcome.groups)
        ahead = bootstrapped(
            lambda rows: rmse(truth[rows], boosted[rows]) - rmse(truth[rows], scores[rows]),
            outcome.groups,
        )
        return _report("rmse", figure, ahead)
    bad = outcome.bad
    if bad.all() or not bad.any() or split.dataset.config.good_only:
        return {}
    boosted = boosted_scores(split, spec, seed)
    figure = bootstrapped(lambda rows: average_precision(bad[rows], boosted[rows]), outcome.groups)
    ahead = bootstrapped(
        lambda rows: (
            average_precision(bad[rows], outcome.scores[rows])
            - average_precision(bad[rows], boosted[rows])
        ),
        outcome.groups,
    )
    return _report("average_precision", figure, ahead)


def boosted_scores(split: Split, spec: TabularInput, seed: int) -> Numbers:
    """Probability of a bad label for every held-out sample."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    bad = split.dataset.is_bad()
    trees = HistGradientBoostingClassifier(random_state=seed)
    trees.fit(boosted_rows(split.dataset, split.train, spec), bad[split.train])
    scores = trees.predict_proba(boosted_rows(split.dataset, split.test, spec))[:, 1]
    return np.asarray(scores, np.float64)


def boosted_values(split: Split, spec: TabularInput, seed: int) -> Numbers:
    """The value of every held-out sample."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    values = split.dataset.values()
    trees = HistGradientBoostingRegressor(random_state=seed)
    trees.fit(boosted_rows(split.dataset, split.train, spec), values[split.train])
    return np.asarray(trees.predict(boosted_rows(split.dataset, split.test, spec)), np.float64)


def boosted_rows(dataset: Dataset, indices: Indices, spec: TabularInput) -> Numbers:
    """(N, F) unscaled features; of windows the last row, the mean, and half against half."""
    table = table_of(dataset)
    plain = plain_rows(table, spec)
    wanted = rows_of(dataset, indices)
    if spec.window_rows == 1:
        return plain[wanted]
    views = np.empty((len(plain), 3 * plain.shape[1]))
    for series in series_rows(table, spec):
        views[series] = _window_features(plain[series], spec.window_rows)
    return views[wanted]


def _window_features(rows: Numbers, window: int) -> Numbers:
    half = max(1, window // 2)
    recent = _trailing_mean(rows, half)
    return np.concatenate([rows, _trailing_mean(rows, window), recent - rows[:1]], axis=1)


def _trailing_mean(rows: Numbers, window: int) -> Numbers:
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    stop = np.arange(1, len(rows) + 1)
    start = np.maximum(stop - window, 0)
    return np.asarray((sums[stop] - sums[start]) / (stop - start)[:, None])


def _report(name: str, figure: Metric, ahead: Metric) -> dict[str, object]:
    low, high = ahead.ci95
    word = "The network is ahead" if low > 0 else "Gradient boosting is ahead"
    if low <= 0 <= high:
        word = "Neither is proven better"
    called = name.replace("_", " ")
    return {
        "name": NAME,
        "figure": name,
        **{name: figure.as_json()},
        "ahead": ahead.as_json(),
        "sentence": f"{word}: the network's {called} is better by {ahead.value:+.4f} "
        f"(95 % {low:+.4f} to {high:+.4f}) than {figure.value:.4f} of gradient boosting.",
    }
