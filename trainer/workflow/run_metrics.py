"""The typed content of a run's tables and of metrics.json, from an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edge_agent.contracts.core.types import Judgement
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.alarm_rule import AlarmRuleSpec
from edge_agent.contracts.model.scoring import softmax
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.process.tables import find_column
from edge_agent.contracts.run_folder.metrics import (
    AcceptanceLimits,
    AlarmRuleCounts,
    AlarmRuleMetrics,
    BaselineMetrics,
    ClassMetrics,
    ClippingMetrics,
    CopyGroup,
    DisturbanceMetrics,
    GbmReference,
    HeldOutMetrics,
    LocalisationMetrics,
    Metric,
    RunMetrics,
    SampleCounts,
    SplitAsGiven,
    StrangeImageMetrics,
    ThresholdUsed,
)
from edge_agent.contracts.run_folder.rows import Prediction, SplitRow
from trainer.data.image.clipping import clipping_of
from trainer.data.split import Split
from trainer.evaluation.baseline_replay import held_out_runs
from trainer.evaluation.disturbances import disturbance_figures
from trainer.evaluation.familiarity import familiarity_figures
from trainer.evaluation.known_conditions import speed_note
from trainer.evaluation.localisation import localisation_figures
from trainer.evaluation.outcome import Outcome, class_rankings, class_rows, figures
from trainer.evaluation.predictions import Judged
from trainer.models.process.features import sample_table
from trainer.statistics.metrics import auroc_figure, bootstrapped_share, wilson
from trainer.thresholds.alarm_rule_choice import is_watched, tally
from trainer.workflow.experiment import Experiment
from trainer.workflow.worth_a_look import good_only_threshold, label_doubts


def split_rows(split: Split) -> list[SplitRow]:
    """Every sample of the data set and its side of the split."""
    return [
        SplitRow(sample.path, sample.label, sample.group, side, *sample.span)
        for sample, side in zip(split.dataset.samples, split.names(), strict=True)
    ]


def predictions_of(experiment: Experiment, judged: Judged) -> list[Prediction]:
    """One prediction for each judged sample of the split, in their order.

    Logits are the network's; for several windows the log of the joined probabilities.
    """
    dataset = experiment.split.dataset
    names = experiment.spec.labels if experiment.spec.scoring.kind == "logits" else ["score"]
    predictions = []
    for row, index in enumerate(judged.indices):
        judgement, sample = judged.judgements[row], dataset.samples[int(index)]
        logits = zip(names, map(float, judged.logits[row]), strict=True)
        truth = sample.label if sample.value is None else f"{sample.value:.9g}"
        one = _prediction(row, sample.path, truth, judgement, dict(logits))
        needs = judged.needs[row] if judged.needs else ""
        predictions.append(replace(one, needs_baseline=needs))
    return predictions


def _prediction(
    row: int, path: str, truth: str, judgement: Judgement, logits: Mapping[str, float]
) -> Prediction:
    low, high = judgement.interval or (None, None)
    verdict = judgement.verdict.value
    return Prediction(
        row, path, truth, judgement.label, judgement.score, verdict, logits, low, high
    )


def tag_rows(experiment: Experiment) -> list[dict[str, str]]:
    """The raw tags of each held-out row, in the order of the predictions; [] for series."""
    spec = experiment.spec.input
    if not isinstance(spec, TabularInput) or spec.window_rows > 1:
        return []
    table = sample_table(experiment.split.dataset, experiment.test.indices)
    names = [tag.name for tag in spec.tags]
    columns = [table.columns[find_column(table, name)[0]] for name in names]
    return [
        dict(zip(names, map(_cell, cells), strict=True)) for cells in zip(*columns, strict=True)
    ]


def _cell(cell: object) -> str:
    if isinstance(cell, float):
        return "" if np.isnan(cell) else f"{cell:.6g}"
    return str(cell)


def metrics_of(
    experiment: Experiment,
    copies: Sequence[str] = (),
    split_as_given: SplitAsGiven | None = None,
    copy_groups: Sequence[CopyGroup] = (),
) -> RunMetrics:
    """metrics.json: figures of the held-out samples with intervals, protocol, baselines."""
    outcome, split = experiment.outcome, experiment.split
    scoring = experiment.spec.scoring
    held_out = experiment.judged_held_out
    disturbed = disturbance_figures(held_out)
    return RunMetrics(
        task=experiment.spec.task,
        model=experiment.architecture.name,
        parameters=int(experiment.fitted.model.count_params()),
        protocol=split.protocol,
        decisions=list(split.dataset.decisions),
        seeds=[experiment.config.seed],
        samples=SampleCounts(train=len(split.train), val=len(split.val), test=len(split.test)),
        held_out=held_out_metrics(experiment),
        per_class=class_metrics(experiment),
        disturbances={k: DisturbanceMetrics.model_validate(v) for k, v in disturbed.items()},
        clipping=clipping_metrics(experiment),
        strange_images={
            name: StrangeImageMetrics.model_validate(row)
            for name, row in familiarity_figures(held_out).items()
        },
        localisation=LocalisationMetrics.model_validate(localisation_figures(held_out)),
        baselines=baseline_metrics(outcome, experiment.baselines, experiment.baseline_scores),
        gbm_reference=_gbm_reference(experiment),
        threshold=ThresholdUsed(value=scoring.threshold, chosen_by=scoring.chosen_by),
        alarm_rule=alarm_rule_metrics(experiment),
        copies=list(copies),
        copy_groups=list(copy_groups),
        split_as_given=split_as_given,
        good_only=good_only_threshold(experiment),
        label_doubts=label_doubts(experiment),
        notes=[*experiment.fitted.notes, *_speed_note(experiment)],
        acceptance=_acceptance(experiment),
    )


def _speed_note(experiment: Experiment) -> list[str]:
    test = experiment.test
    return speed_note(experiment.split.dataset, test.indices, experiment.spec, test.verdicts)


def clipping_metrics(experiment: Experiment) -> ClippingMetrics | None:
    """What of the training pictures is clipped, before and by the preparation; images only."""
    spec, split = experiment.spec.input, experiment.split
    if not isinstance(spec, ImageInput):
        return None
    found = clipping_of(split.dataset, split.train, spec)
    return ClippingMetrics.model_validate(vars(found)) if found else None


def alarm_rule_metrics(experiment: Experiment) -> AlarmRuleMetrics | None:
    """k of n beside each reading alone, on held-out readings; None where none was asked for."""
    allowed, scoring = experiment.config.false_alarms, experiment.spec.scoring
    if allowed is None or not is_watched(experiment.split.dataset):
        return None
    runs = held_out_runs(experiment.judged_held_out)

    def counts(rule: AlarmRuleSpec) -> AlarmRuleCounts:
        return AlarmRuleCounts.model_validate(tally(rule, runs, scoring.threshold).as_json())

    return AlarmRuleMetrics(
        asked=allowed,
        chosen_by=scoring.persistence_chosen_by,
        chosen=counts(scoring.persistence),
        alone=counts(AlarmRuleSpec()),
    )


def class_metrics(experiment: Experiment) -> dict[str, ClassMetrics]:
    """Figures of each label; {} for a model that predicts none."""
    outcome = experiment.outcome
    if not outcome.classifies:
        return {}
    rows = class_rows(outcome)
    if experiment.spec.scoring.kind == "logits":
        probabilities = softmax(experiment.test.logits)
        for label, ranking in class_rankings(outcome, probabilities).items():
            rows[label] |= ranking
    return {label: ClassMetrics.model_validate(row) for label, row in rows.items()}


def held_out_metrics(experiment: Experiment) -> HeldOutMetrics:
    """The figures of the samples, and of single windows where samples have several."""
    outcome = experiment.outcome
    metrics = figures(outcome)
    several = len(experiment.held_out.sample) > len(experiment.split.test)
    if several and outcome.classifies:
        right, owners = experiment.window_accuracy()
        metrics["window_accuracy"] = bootstrapped_share(
            lambda rows: float(right[rows].mean()), owners
        )
    return HeldOutMetrics.of(metrics)


def baseline_metrics(
    outcome: Outcome, guesses: Mapping[str, np.ndarray], scores: Mapping[str, np.ndarray]
) -> dict[str, BaselineMetrics]:
    """Accuracy of each trivial guess and AUROC of each trivial score on the same samples, of which
    those without a part count as wrong, and in no ranking.
    """
    metrics: dict[str, dict[str, Metric]] = {}
    if outcome.values is None:
        for name, guess in guesses.items():
            hits = int(((guess == outcome.truth) & outcome.seen).sum())
            metrics.setdefault(name, {})["accuracy"] = wilson(hits, len(outcome.truth))
    bad = outcome.bad[outcome.seen]
    for name, one in scores.items() if bad.any() and not bad.all() else ():
        metrics.setdefault(name, {})["auroc"] = auroc_figure(
            bad, one[outcome.seen], outcome.seen_groups
        )
    return {name: BaselineMetrics.model_validate(row) for name, row in metrics.items()}


def _acceptance(experiment: Experiment) -> AcceptanceLimits:
    asked = experiment.config.acceptance.model_dump(exclude_none=True)
    return AcceptanceLimits.model_validate({**asked, "given": bool(asked)})


def _gbm_reference(experiment: Experiment) -> GbmReference | None:
    reference = experiment.gbm_reference
    return GbmReference.model_validate(reference) if reference else None
