"""Cross-validation that leaves conditions out, with choices made inside the training conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.run_folder.metrics import Metric
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress, SilentProgress
from trainer.data.samples import Dataset
from trainer.evaluation.held_out import outcome_of
from trainer.evaluation.outcome import Outcome, joined
from trainer.evaluation.predictions import Judged
from trainer.statistics.metrics import bootstrapped_share
from trainer.workflow.experiment import Experiment, run_experiment
from trainer.workflow.int8_outputs import judged_where_converted
from trainer.workflow.leave_out import Protocol, leave_out, without
from trainer.workflow.usual_light import settled_light

Choice = dict[str, str | int | float | bool]
"""Options of the model that are tried together."""


Hits = tuple[NDArray[np.bool_], list[str]]
"""Whether each held-out window or sample is judged right, and its recording."""


@dataclass(frozen=True)
class Fold:
    """One value held out. chosen: the options taken; tried: what each choice reached inside;
    int8: the held-out samples by the converted network, None where it was not converted.
    """

    value: str
    experiment: Experiment
    chosen: Choice
    tried: list[float]
    int8: Judged | None = None

    def hits(self, judged: Judged) -> Hits:
        """For every held-out window whether its label is right; for every sample of a detector,
        which names no labels, whether its verdict is.
        """
        experiment = self.experiment
        samples = experiment.split.dataset.samples
        if experiment.spec.scoring.kind == "logits":
            right, _ = experiment.window_accuracy(judged)
            return right, [samples[int(index)].path for index in experiment.held_out.sample]
        bad = experiment.split.dataset.is_bad()[judged.indices]
        verdicts = np.array(judged.verdicts)
        right = np.where(bad, verdicts == "FAIL", verdicts == "PASS")
        return right, [samples[int(index)].path for index in judged.indices]

    @property
    def windows(self) -> Hits:
        """What the float network hits."""
        return self.hits(self.experiment.test)


def cross_validate(
    dataset: Dataset,
    protocol: Protocol,
    config: FitConfig,
    choices: Sequence[Choice] = ({},),
    progress: Progress | None = None,
    *,
    int8: bool = True,
) -> list[Fold]:
    """Hold each value out once. int8: each network is also converted, and judges the same samples.

    Of several choices the one is taken that does best when the remaining values are left out in
    turn; the held-out value has no say. The first of equals wins.
    Raises ConfigError for a choice between detectors.
    """
    progress = progress or SilentProgress()
    if len(choices) > 1 and dataset.config.good_only:
        raise ConfigError(
            "good parts alone cannot tell a better detector",
            where="--try",
            cure="leave it out, and put the options into --config",
        )
    folds = []
    for value in protocol.values:
        chosen, tried = choose(dataset, protocol, value, config, choices)
        split = leave_out(dataset, protocol, value, config.val_fraction)
        experiment = run_experiment(split, with_options(config, chosen), "crossval", progress)
        converted = judged_where_converted(experiment, progress) if int8 else None
        folds.append(Fold(value, experiment, chosen, tried, converted))
        progress.say(f"{split.protocol}: {folds[-1].windows[0].mean():.1%} right")
    return folds


def choose(
    dataset: Dataset, protocol: Protocol, value: str, config: FitConfig, choices: Sequence[Choice]
) -> tuple[Choice, list[float]]:
    """The best choice for the fold that holds `value` out, and the inner accuracy of each."""
    if len(choices) == 1:
        return dict(choices[0]), []
    rest, inner = without(dataset, protocol, value)
    shares = [_inner(rest, inner, one, config, choices) for one in inner.values]
    tried = np.mean(shares, axis=0).tolist()
    return dict(choices[int(np.argmax(tried))]), tried


def window_figure(
    folds: Sequence[tuple[NDArray[np.bool_] | NDArray[np.floating], Sequence[str]]],
) -> Metric:
    """The mean over folds of the share of windows that are right, or of each window's share.

    The interval draws recordings with replacement within each fold.
    """
    right = np.concatenate([hits for hits, _ in folds])
    fold_of = np.concatenate([np.full(len(hits), n) for n, (hits, _) in enumerate(folds)])
    owners = [f"{n} {owner}" for n, (_, recordings) in enumerate(folds) for owner in recordings]

    def mean(rows: NDArray[np.intp]) -> float:
        shares = [right[rows][fold_of[rows] == n] for n in range(len(folds))]
        return float(np.mean([share.mean() for share in shares if len(share)]))

    return bootstrapped_share(mean, owners)


def pooled_outcome(folds: Sequence[Fold], *, int8: bool = False) -> Outcome:
    """The held-out samples of all folds together, by the float networks or by those of int8."""
    return joined([_outcome(fold, fold.int8 if int8 else None) for fold in folds])


def _outcome(fold: Fold, judged: Judged | None) -> Outcome:
    one = fold.experiment
    return outcome_of(one.split, one.spec, judged or one.test)


def with_options(config: FitConfig, choice: Choice) -> FitConfig:
    """The configuration with these options of the model."""
    return config.model_copy(update={"options": {**config.options, **choice}})


def _inner(
    dataset: Dataset, protocol: Protocol, value: str, config: FitConfig, choices: Sequence[Choice]
) -> list[float]:
    """The accuracy of each choice where `value` is left out; what light says is settled once."""
    split = leave_out(dataset, protocol, value, config.val_fraction)
    settled = settled_light(split, config, SilentProgress())
    fits = (run_experiment(split, with_options(settled, one), "inner") for one in choices)
    return [float(one.window_accuracy()[0].mean()) for one in fits]
