"""One fit on one split, whole: data in, network, threshold and judged held-out samples out.

This is the library that `fit`, cross-validation and searches share: nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.familiarity import Familiarity, image_statistics
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.process.input import TabularInput
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress, SilentProgress
from trainer.data.class_sample import evenly
from trainer.data.prepare import Prepared, prepare
from trainer.data.split import Split
from trainer.evaluation.baselines import baseline_predictions, baseline_scores
from trainer.evaluation.gbm_reference import gbm_report
from trainer.evaluation.held_out import HeldOut, outcome_of
from trainer.evaluation.label_errors import JudgedLabels, judged_labels
from trainer.evaluation.outcome import Outcome
from trainer.evaluation.predictions import Judged, judge_all
from trainer.evaluation.withheld import withheld_verdicts
from trainer.models.vibration.conditions import conditions_of
from trainer.thresholds.alarm_rule_choice import with_alarm_rule
from trainer.thresholds.choose import GOOD_ONLY_FALSE_REJECT, choose_threshold
from trainer.thresholds.familiarity import fit_familiarity
from trainer.thresholds.good_parts import GoodParts, good_parts
from trainer.training.api import Architecture, Fitted, Training
from trainer.training.checkpoints import CheckpointFolder
from trainer.training.distributed import Cluster
from trainer.training.gradient import fit_network
from trainer.training.predict import predict
from trainer.workflow.alignment_look import with_alignment
from trainer.workflow.cut_out_look import with_cut_out
from trainer.workflow.preparation import prepare_training, resolve
from trainer.workflow.usual_light import with_usual_light
from trainer.workflow.usual_look import with_usual_look

MOST_CALIBRATION = 500
MOST_FOR_FAMILIARITY = 1500
"""Images of each split from which the gate of familiarity is learnt, evenly spaced."""


@dataclass(frozen=True)
class Experiment:
    """What one fit gave. `test` and `val` are the float model's judgements.

    good_parts: what the threshold was chosen on, where only good parts chose it; judged_labels: the
    fitted samples as networks that saw none of their groups judge them, where there are such.
    """

    split: Split
    config: FitConfig
    architecture: Architecture[Any]
    fitted: Fitted
    spec: ModelSpec
    held_out: Prepared
    test: Judged
    val: Judged
    calibration: Tensor
    baselines: dict[str, np.ndarray]
    gbm_reference: dict[str, object] = field(default_factory=dict)
    baseline_scores: dict[str, np.ndarray] = field(default_factory=dict)
    good_parts: GoodParts | None = None
    judged_labels: JudgedLabels | None = None

    @property
    def outcome(self) -> Outcome:
        """The truth of the held-out samples beside the model's judgements."""
        return outcome_of(self.split, self.spec, self.test)

    @property
    def judged_held_out(self) -> HeldOut:
        """The network beside the held-out samples, for the evaluations."""
        return HeldOut(self.fitted.model, self.spec, self.split, self.held_out, self.test)

    def window_accuracy(self, judged: Judged | None = None) -> tuple[np.ndarray, list[str]]:
        """For every held-out input whether its own likeliest label is right, and its sample.

        judged: what another network says of the same samples; None: `test`.
        """
        truth = self.held_out.targets(self.split.dataset)
        right = (judged or self.test).outputs.argmax(axis=1) == truth
        return right, [str(sample) for sample in self.held_out.sample]


def run_experiment(
    split: Split,
    config: FitConfig,
    name: str,
    progress: Progress | None = None,
    checkpoints: CheckpointFolder | None = None,
    cluster: Cluster | None = None,
) -> Experiment:
    """Fit `config.model` on split.train, choose epoch and threshold on split.val, judge split.test.

    `name`: the model's; `checkpoints`: of finished epochs. ConfigError: unknown model or option.
    """
    progress = progress or SilentProgress()
    split, config, found = with_cut_out(split, config, progress)
    config, architecture, compared = _settled(split, config, progress)
    training = prepare_training(split, config, architecture, progress)
    training = replace(training, checkpoints=checkpoints or CheckpointFolder(), cluster=cluster)
    fitted = _fit(architecture, training, [*found, *compared])
    val_outputs = _of_validation(fitted, training)
    scoring, parts = _scoring_of(architecture, fitted, training, val_outputs)
    held_out = prepare(split.dataset, split.test, training.spec, progress, "held-out samples")
    spec = _spec_of(name, architecture, training, scoring)
    test = _as_on_station(predict(fitted.model, held_out.inputs), held_out, split, spec)
    return Experiment(
        split=split,
        config=config,
        architecture=architecture,
        fitted=fitted,
        spec=spec,
        held_out=held_out,
        test=test,
        val=_judged(val_outputs, training.val, split.val, training, scoring),
        calibration=_calibration(architecture, training, fitted),
        baselines=baseline_predictions(split.dataset, training.train, held_out, split.test),
        gbm_reference=_gbm_report(spec, training, test),
        baseline_scores=baseline_scores(split.dataset, training.train, held_out, split.test),
        good_parts=parts,
        judged_labels=_judged_labels(fitted, training, scoring),
    )


def _settled(
    split: Split, config: FitConfig, progress: Progress
) -> tuple[FitConfig, Architecture[Any], list[str]]:
    """How pictures are prepared, where the configuration leaves it to trials, and what they say."""
    config, compared = with_alignment(split, config, progress)
    architecture, config = resolve(split, with_usual_look(split, config, progress))
    config, light = with_usual_light(split, config, architecture, progress)
    return config, architecture, [*compared, light]


def _fit(architecture: Architecture[Any], training: Training, chosen: Sequence[str]) -> Fitted:
    """The fitted network; chosen: what was chosen before, each a sentence or ""."""
    fit = architecture.fit
    fitted = fit(training) if fit else fit_network(architecture, training)
    return replace(fitted, notes=(*fitted.notes, *filter(None, chosen)))


def with_threshold(experiment: Experiment, threshold: float, rule: str) -> Experiment:
    """The same network judged by another threshold."""
    scoring = experiment.spec.scoring.with_threshold(threshold, rule)
    spec = experiment.spec.model_copy(update={"scoring": scoring})
    test = judge_all(
        experiment.test.outputs,
        experiment.held_out,
        experiment.split.test,
        scoring,
        spec.labels,
        spec.good,
        experiment.test.needs,
    )
    return replace(experiment, spec=spec, test=test)


def _of_validation(fitted: Fitted, training: Training) -> NDArray[np.float32]:
    """Outputs for the validation inputs, by models that had not seen them."""
    if fitted.cross_fitted is not None:
        return fitted.cross_fitted
    return predict(fitted.model, training.val.inputs)


def _scoring_of(
    architecture: Architecture[Any],
    fitted: Fitted,
    training: Training,
    val_outputs: NDArray[np.float32],
) -> tuple[Scoring, GoodParts | None]:
    """The fit's own scoring, or a threshold chosen by the outputs for the validation inputs; and
    the good parts that chose it, where no other ones did.
    """
    scoring = fitted.scoring or Scoring(kind=architecture.scoring, windows=architecture.windows)
    parts = fitted.good_parts
    if fitted.scoring is None:
        split = training.split
        val = _judged(val_outputs, training.val, split.val, training, scoring)
        undecided = 0.5 if scoring.kind == "logits" else None
        bad = split.dataset.is_bad()[split.val]
        named = split.dataset.groups()
        groups = [named[sample] for sample in split.val]
        if len(bad) and not bad.any():
            parts, rule = good_parts(split.val, val.scores, GOOD_ONLY_FALSE_REJECT, groups)
            scoring = scoring.with_threshold(parts.threshold, rule)
        else:
            scoring = scoring.with_threshold(*choose_threshold(val.scores, bad, undecided, groups))
    if fitted.scoring is None or isinstance(training.spec, TabularInput):
        limit = training.config.false_alarms
        scoring = with_alarm_rule(
            scoring, training.dataset, training.val, val_outputs, training.spec, limit
        )
    return scoring, parts


def _judged_labels(fitted: Fitted, training: Training, scoring: Scoring) -> JudgedLabels | None:
    """The training and validation samples, each judged without its group; None where none were."""
    if fitted.out_of_fold is None:
        return None
    first, second = training.train, training.val
    both = Prepared(
        np.concatenate([first.inputs, second.inputs]),
        np.concatenate([first.sample, second.sample]),
    )
    samples = np.concatenate([training.split.train, training.split.val])
    judged = _judged(fitted.out_of_fold, both, samples, training, scoring)
    return judged_labels(samples, judged.logits, training.dataset.targets()[samples])


def _spec_of(
    name: str, architecture: Architecture[Any], training: Training, scoring: Scoring
) -> ModelSpec:
    config = training.dataset.config
    return ModelSpec(
        name=name,
        task=config.task,
        architecture=architecture.name,
        labels=training.labels,
        good=[label for label in training.labels if label in config.good],
        input=training.spec,
        scoring=scoring,
        familiarity=familiarity_of(training),
        conditions=conditions_of(training),
    )


def familiarity_of(training: Training) -> Familiarity | None:
    """The gate of an image model, from its training and validation images; None for others."""
    dataset = training.dataset
    if not isinstance(training.spec, ImageInput):
        return None
    rows, samples = [], []
    for prepared in (training.train, training.val):
        for sample in evenly(np.unique(prepared.sample), MOST_FOR_FAMILIARITY):
            rows.append(image_statistics(prepared.inputs[prepared.sample == sample]))
            samples.append(int(sample))
    groups = dataset.groups()
    return fit_familiarity(
        np.array(rows),
        [dataset.samples[sample].label for sample in samples],
        [groups[sample] for sample in samples],
        dataset.good or dataset.labels,
        training.config.seed,
    )


def _gbm_report(spec: ModelSpec, training: Training, test: Judged) -> dict[str, object]:
    """What gradient boosting says of the same held-out rows; nothing beside images and signals."""
    if not isinstance(training.spec, TabularInput):
        return {}
    outcome = outcome_of(training.split, spec, test)
    return gbm_report(training.split, training.spec, outcome, training.config.seed)


def _as_on_station(
    outputs: NDArray[np.float32], held_out: Prepared, split: Split, spec: ModelSpec
) -> Judged:
    """The held-out samples with the verdicts that a station without a baseline gives."""
    needs = withheld_verdicts(split.dataset, held_out, split.test, spec)
    good = split.dataset.good
    return judge_all(outputs, held_out, split.test, spec.scoring, spec.labels, good, needs)


def _judged(
    outputs: NDArray[np.float32],
    prepared: Prepared,
    indices: np.ndarray,
    training: Training,
    scoring: Scoring,
) -> Judged:
    good = training.dataset.good
    return judge_all(outputs, prepared, indices, scoring, training.labels, good)


def _calibration(architecture: Architecture[Any], training: Training, fitted: Fitted) -> Tensor:
    if architecture.calibration is not None:
        return architecture.calibration(training, fitted)
    return representative(training)


def representative(training: Training, most: int = MOST_CALIBRATION) -> Tensor:
    """Up to `most` training inputs, the same number of each class where there are enough."""
    targets = training.train_targets
    rng = np.random.default_rng(training.config.seed)
    queues = [rng.permutation(np.flatnonzero(targets == label)) for label in np.unique(targets)]
    chosen: list[int] = []
    for turn in range(max(len(queue) for queue in queues)):
        chosen += [int(queue[turn]) for queue in queues if turn < len(queue)]
        if len(chosen) >= most:
            break
    return np.asarray(training.train.inputs[np.sort(chosen[:most])])
