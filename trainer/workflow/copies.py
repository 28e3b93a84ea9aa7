"""The figures of a given split through which copies leak, beside those without the copies."""

from __future__ import annotations

import numpy as np

from edge_agent.contracts.run_folder.metrics import HeldOutMetrics, SplitAsGiven
from trainer.console.progress import Progress
from trainer.data.prepare import prepare
from trainer.data.samples import Indices
from trainer.evaluation.held_out import outcome_of
from trainer.evaluation.outcome import figures, joined
from trainer.evaluation.predictions import judge_all
from trainer.training.predict import predict
from trainer.workflow.experiment import Experiment


def with_copies(experiment: Experiment, copied: Indices, progress: Progress) -> SplitAsGiven | None:
    """The figures of all samples that the split as given holds out, by the network that was fitted;
    None where none of them has a copy in training.

    copied: those that do; they are in no part of experiment.split.
    """
    if not len(copied):
        return None
    split, spec = experiment.split, experiment.spec
    every = np.sort(np.concatenate([split.test, copied]))
    inputs = prepare(split.dataset, copied, spec.input, progress, "samples with copies")
    outputs = predict(experiment.fitted.model, inputs.inputs)
    judged = judge_all(outputs, inputs, copied, spec.scoring, spec.labels, spec.good)
    found = joined([experiment.outcome, outcome_of(split, spec, judged)])
    return SplitAsGiven(
        protocol=f"train and test as given: {len(every)} samples, {len(copied)} of them copied",
        figures=HeldOutMetrics.of(figures(found)),
        copied=len(copied),
    )
