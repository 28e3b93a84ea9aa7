"""Which settings go with fewer defects or a better value, how much better, and how sure that is.

Half of the groups of rows teach the models that the search uses, the other half those that price
its proposal, so that the gain is not flattered by the search (Cawley and Talbot, JMLR 11, 2010).
Partial dependence after Friedman (Annals of Statistics 29, 2001): the mean prediction over the
recorded rows with the settings replaced and every derived feature recomputed. All of it is
association in recorded rows; none of it is a cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from edge_agent.contracts.core.suggestion import did_you_mean
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.process.tables import Table
from trainer.console.progress import Progress
from trainer.data.samples import Dataset
from trainer.evaluation.setting_effects import Dependence, Numbers, Optimum, Proposal
from trainer.models.process.features import (
    plain_rows,
    raw_values,
    sample_table,
    span_edges,
    tabular_spec,
)
from trainer.statistics.metrics import auroc

MODELS = 8
"""Bootstrap models in each half."""
GRID = 17
ROWS = 400
"""Recorded rows over which a prediction is averaged."""
LEAST_SKILL = 0.1
"""AUROC above one half, or share of variance explained, below which nothing is proposed."""
SUPPORT = 0.98
"""A proposal lies no farther from recorded settings than this share of them from each other."""


@dataclass(frozen=True)
class Setting:
    """What may be changed, and between which bounds."""

    name: str
    low: float
    high: float


def optimise(
    dataset: Dataset,
    settings: Sequence[Setting],
    progress: Progress,
    *,
    maximise: bool = False,
    trials: int = 200,
    seed: int = 0,
) -> Optimum:
    """Fit, explain and propose; a label's defect rate is always lowered.

    Raises ConfigError for unknown settings, DatasetError for too few rows.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="openmp"):
        return _optimise(dataset, settings, progress, maximise, trials, seed)


def parse_setting(text: str) -> Setting:
    """`NAME=LOW:HIGH`."""
    name, _, bounds = text.rpartition("=")
    low, _, high = bounds.partition(":")
    try:
        setting = Setting(name.strip(), float(low), float(high))
    except ValueError:
        setting = Setting("", 0.0, 0.0)
    if not setting.name or not setting.low < setting.high:
        raise ConfigError(
            f"{text!r} is no setting", where="--setting", cure='write "NAME=LOW:HIGH"'
        )
    return setting


def _optimise(
    dataset: Dataset,
    settings: Sequence[Setting],
    progress: Progress,
    maximise: bool,
    trials: int,
    seed: int,
) -> Optimum:
    every = np.arange(len(dataset.samples))
    _refuse_few(dataset)
    spec = tabular_spec(dataset, every, span_edges)
    table = sample_table(dataset, every)
    bounded, notes = _within_records(settings, spec, table)
    target, outcome, sign = _target(dataset, maximise)
    searching, pricing = _halves(dataset, seed)
    with progress.steps("fitting models", 2 * MODELS) as bar:
        halves = [
            _bootstrap(plain_rows(table, spec), target, half, dataset, seed, bar)
            for half in (searching, pricing)
        ]
    skill, skill_name = _skill(halves[0], plain_rows(table, spec), target, pricing, dataset)
    shown = table.take(np.sort(np.random.default_rng(seed).permutation(len(table))[:ROWS]))
    curves = [_dependence(setting, halves[0] + halves[1], shown, spec) for setting in bounded]
    if skill < LEAST_SKILL:
        why = f"the models predict {outcome} hardly better than chance ({skill_name} {skill:.3f})"
        return Optimum(outcome, skill, skill_name, len(table), curves, None, why, notes)
    best = _search(bounded, halves[0], shown, spec, table, sign, trials, seed, progress)
    proposal = _price(best, halves[1], shown, spec, sign)
    why = "" if proposal.gain_ci95[0] > 0 else "the gain is not proven: its interval reaches zero"
    return Optimum(outcome, skill, skill_name, len(table), curves, proposal, why, notes)


def _target(dataset: Dataset, maximise: bool) -> tuple[Numbers, str, float]:
    """(N,) what is predicted, its name, and +1 where more of it is better."""
    if dataset.config.task == "tabular-regression":
        name = dataset.labels[0]
        return dataset.values(), name, 1.0 if maximise else -1.0
    bad = dataset.is_bad()
    if bad.all() or not bad.any():
        raise DatasetError(
            "every row is good, or none is", where=str(dataset.root), cure="name good labels"
        )
    return bad.astype(np.float64), "defect rate", -1.0


def _refuse_few(dataset: Dataset) -> None:
    if dataset.config.kind != "tabular":
        raise DatasetError(
            f"holds {dataset.config.kind} data", where=str(dataset.root), cure="name process data"
        )
    if len(dataset.samples) < 100:
        raise DatasetError(
            f"{len(dataset.samples)} rows", where=str(dataset.root), cure="record at least 100"
        )


def _within_records(
    settings: Sequence[Setting], spec: TabularInput, table: Table
) -> tuple[list[Setting], list[str]]:
    """Bounds cut to what was recorded: beyond it there is nothing to learn from."""

    values = raw_values(table, spec.tags)
    if not settings:
        raise ConfigError("no setting", where="--setting", cure=f"name some of {', '.join(values)}")
    bounded, notes = [], []
    for setting in settings:
        if setting.name not in values:
            raise ConfigError(
                f"no tag {setting.name!r}",
                where="--setting",
                cure=did_you_mean(setting.name, list(values)),
            )
        low, high = np.quantile(values[setting.name], [0.005, 0.995])
        cut = Setting(setting.name, max(setting.low, float(low)), min(setting.high, float(high)))
        if not cut.low < cut.high:
            raise ConfigError(
                f"{setting.name} was never between {setting.low:g} and {setting.high:g}",
                where="--setting",
                cure=f"recorded is {low:g} to {high:g}",
            )
        if cut != setting:
            notes.append(f"{setting.name} searched in {cut.low:g}..{cut.high:g}, as recorded")
        bounded.append(cut)
    return bounded, notes


def _halves(dataset: Dataset, seed: int) -> list[NDArray[np.int64]]:
    """Rows of two halves of the groups."""
    groups = np.array(dataset.groups())
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    first = np.isin(groups, names[: len(names) // 2])
    return [np.flatnonzero(first), np.flatnonzero(~first)]


def _bootstrap(
    rows: Numbers,
    target: Numbers,
    half: NDArray[np.int64],
    dataset: Dataset,
    seed: int,
    bar: Any,
) -> list[Any]:
    """Models on draws of the half's groups with replacement."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    groups = np.array(dataset.groups())[half]
    names, group_of = np.unique(groups, return_inverse=True)
    starts = np.cumsum(np.bincount(group_of))[:-1]
    members = np.split(half[np.argsort(group_of, kind="stable")], starts)
    rng = np.random.default_rng([seed, int(half[0])])
    regression = dataset.config.task == "tabular-regression"
    models = []
    for turn in range(MODELS):
        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        drawn = np.concatenate([members[n] for n in rng.integers(0, len(names), len(names))])
        model = kind(
            learning_rate=0.15,
            max_iter=50,
            min_samples_leaf=10,
            l2_regularization=1.0,
            random_state=turn,
        )
        models.append(model.fit(rows[drawn], target[drawn]))
        bar.advance()
    return models


def _predict(model: Any, rows: Numbers) -> Numbers:
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(rows)[:, 1], np.float64)
    return np.asarray(model.predict(rows), np.float64)


def _skill(
    models: list[Any],
    rows: Numbers,
    target: Numbers,
    other: NDArray[np.int64],
    dataset: Dataset,
) -> tuple[float, str]:
    """How well the searching half predicts the other half."""
    predicted = np.mean([_predict(model, rows[other]) for model in models], axis=0)
    if dataset.config.task != "tabular-regression":
        return auroc(target[other] > 0, predicted) - 0.5, "AUROC above one half"
    spread = float(np.var(target[other])) or 1.0
    return 1 - float(np.mean((target[other] - predicted) ** 2)) / spread, "variance explained"


def _means(
    models: list[Any], shown: Table, spec: TabularInput, settings: Mapping[str, float]
) -> Numbers:
    """(models,) mean prediction over the shown rows with these settings."""
    columns = dict(shown.columns)
    for name, value in settings.items():
        columns[name] = np.full(len(shown), value)
    rows = plain_rows(Table(columns, shown.source), spec)
    return np.array([_predict(model, rows).mean() for model in models])


def _dependence(
    setting: Setting, models: list[Any], shown: Table, spec: TabularInput
) -> Dependence:
    grid = np.linspace(setting.low, setting.high, GRID)
    predictions = np.array([_means(models, shown, spec, {setting.name: value}) for value in grid])
    low, high = np.quantile(predictions, [0.025, 0.975], axis=1)
    return Dependence(setting.name, grid, predictions.mean(axis=1), low, high)


def _search(
    settings: Sequence[Setting],
    models: list[Any],
    shown: Table,
    spec: TabularInput,
    table: Table,
    sign: float,
    trials: int,
    seed: int,
    progress: Progress,
) -> dict[str, float]:
    """The settings whose expected outcome, less one standard deviation, is best."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    near = _Support(settings, spec, table)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=40)
    )

    def value(trial: Any) -> float:
        asked = {s.name: trial.suggest_float(s.name, s.low, s.high) for s in settings}
        beyond = near.beyond(asked)
        means = sign * _means(models, shown, spec, asked)
        bar.advance()
        return float(means.mean() - means.std()) - 10.0 * beyond

    with progress.steps("searching settings", trials) as bar:
        study.optimize(value, n_trials=trials)
    return {name: float(number) for name, number in study.best_params.items()}


class _Support:
    """How far settings lie from those recorded, beyond what is usual among them."""

    def __init__(self, settings: Sequence[Setting], spec: TabularInput, table: Table) -> None:
        from sklearn.neighbors import NearestNeighbors

        values = raw_values(table, spec.tags)
        self._names = [setting.name for setting in settings]
        rows = np.stack([values[name] for name in self._names], axis=1)
        self._centre, self._spread = rows.mean(axis=0), rows.std(axis=0) + 1e-12
        self._near = NearestNeighbors(n_neighbors=6).fit(self._scaled(rows))
        distances, _ = self._near.kneighbors(self._scaled(rows))
        self._limit = float(np.quantile(distances[:, -1], SUPPORT))

    def beyond(self, asked: Mapping[str, float]) -> float:
        """0 among recorded settings, growing outside."""
        point = np.array([[asked[name] for name in self._names]])
        distances, _ = self._near.kneighbors(self._scaled(point))
        return max(0.0, float(distances[0, -1]) / max(self._limit, 1e-12) - 1.0)

    def _scaled(self, rows: Numbers) -> Numbers:
        return np.asarray((rows - self._centre) / self._spread)


def _price(
    settings: Mapping[str, float], models: list[Any], shown: Table, spec: TabularInput, sign: float
) -> Proposal:
    """What the models that the search never saw expect of its settings."""
    now, then = _means(models, shown, spec, {}), _means(models, shown, spec, settings)
    gains = sign * (then - now)
    low, high = np.quantile(gains, [0.025, 0.975])
    return Proposal(
        dict(settings),
        float(now.mean()),
        float(then.mean()),
        float(gains.mean()),
        (float(low), float(high)),
    )
