"""The whole of `fit`: data set in, run folder out; an interrupted fit goes on where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.contracts.run_folder.metrics import BudgetMetrics
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.console.tf_log import quiet_tensorflow
from trainer.data.image.mask_faults import refuse_bad_masks
from trainer.data.layout_notes import left_out_notes
from trainer.data.load import refuse_missing
from trainer.data.samples import Dataset
from trainer.data.split_guard import GuardedSplit, guard
from trainer.data.vibration.signals import length_doubts
from trainer.models.architectures import choose_architecture, current_name
from trainer.report.words import result_sentence, warnings_of
from trainer.run_folder.run import FittedRun
from trainer.run_folder.target import refuse_existing, slug
from trainer.training.checkpoints import CheckpointFolder, mark_of, open_checkpoints
from trainer.training.distributed import Cluster, join_cluster
from trainer.workflow.asked_dataset import load_asked
from trainer.workflow.budget import within_budget
from trainer.workflow.copies import with_copies
from trainer.workflow.experiment import run_experiment
from trainer.workflow.publish import Findings, publish_run
from trainer.workflow.weights_advice import weights_advice


@dataclass(frozen=True)
class FitRequest:
    """What is asked of a fit.

    out: the run folder, by default runs/DATASET-MODEL; name: of the model, by default the data
    set's; force: overwrite an existing run; allow: `shared-copies` fits on the given split
    though copies straddle it; the held-out samples that have one in training are judged apart.
    """

    dataset: Path
    config: FitConfig
    out: Path | None = None
    name: str | None = None
    force: bool = False
    allow: Sequence[str] = ()
    tensorboard: bool = False


@dataclass(frozen=True)
class _Plan:
    """A fit that may begin: the data are read, the split is planned, `out` is free."""

    guarded: GuardedSplit
    config: FitConfig
    architecture: str
    name: str
    out: Path
    advice: Sequence[str] = ()
    budget: BudgetMetrics | None = None


def fit(request: FitRequest, progress: Progress) -> FittedRun | None:
    """Fit, judge and write the run; None on a machine of a cluster that does not write it.

    Raises ConfigError, DatasetError and StorageError; nothing is written then.
    """
    plan = _plan(request, progress)
    quiet_tensorflow()
    config, budget = within_budget(plan.guarded.split, plan.config, progress)
    plan = replace(plan, config=config, budget=budget)
    mark = mark_of(plan.guarded.split, plan.config)
    cluster = _cluster(mark, progress)
    chief = cluster is None or cluster.chief
    checkpoints = open_checkpoints(plan.out, mark, request.tensorboard, progress) if chief else None
    run = _train(plan, checkpoints or CheckpointFolder(), cluster, progress)
    if checkpoints is not None:
        checkpoints.remove()
    if cluster is not None:
        cluster.wait()
        if not cluster.used:
            progress.say(
                f"{plan.architecture} cannot be trained on several machines: every machine did "
                "the whole work"
            )
    if run is not None:
        _summarise(run, progress)
    return run


def _plan(request: FitRequest, progress: Progress) -> _Plan:
    config = request.config
    dataset = load_asked(request.dataset, config)
    refuse_missing(dataset)
    refuse_bad_masks(dataset, progress)
    if current_name(config.model) != config.model:
        progress.say(f"--model {config.model} is now called {current_name(config.model)}")
    architecture = choose_architecture(config, dataset).name
    advice = weights_advice(config, dataset)
    for line in advice:
        progress.say(line)
    name = slug(request.name or dataset.root.name)
    out = (request.out or Path("runs") / f"{name}-{architecture}").absolute()
    refuse_existing(out, request.force)
    guarded = guard(dataset, config, list(request.allow), progress)
    split = guarded.split
    said = (*split.dataset.decisions, *left_out_notes(dataset), *guarded.findings)
    for line in (*said, split.protocol, *_short(dataset)):
        progress.say(line)
    return _Plan(guarded, config, architecture, name, out, advice)


def _train(
    plan: _Plan, checkpoints: CheckpointFolder, cluster: Cluster | None, progress: Progress
) -> FittedRun | None:
    if checkpoints.logs:
        progress.say(f"while it trains: tensorboard --logdir {checkpoints.logs}")
    try:
        experiment = run_experiment(
            plan.guarded.split, plan.config, plan.name, progress, checkpoints, cluster
        )
        if cluster is None or cluster.chief:
            findings = Findings(
                plan.guarded.findings,
                with_copies(experiment, plan.guarded.copied, progress),
                plan.guarded.largest,
                plan.advice,
            )
            return publish_run(plan.out, experiment, findings, checkpoints.logs, plan.budget)
    except KeyboardInterrupt:
        if checkpoints.interrupted():
            progress.say("interrupted; the same command goes on after the last finished epoch")
        raise
    return None


def _summarise(run: FittedRun, progress: Progress) -> None:
    progress.say(result_sentence(run))
    for warning in warnings_of(run):
        progress.say(warning)
    progress.say(f"report: {run.path / 'report.html'}")


def _short(dataset: Dataset) -> list[str]:
    """The recordings that shorten every window, or whose rate is in doubt."""
    return length_doubts(dataset) if dataset.config.kind == "vibration" else []


def _cluster(mark: str, progress: Progress) -> Cluster | None:
    """The machines of TF_CONFIG, all of which do the same."""
    cluster = join_cluster()
    if cluster is not None:
        cluster.refuse_strangers(mark)
        part = "the chief, which writes the run" if cluster.chief else "the chief writes the run"
        progress.say(f"machine {cluster.index + 1} of {cluster.workers}: {part}")
    return cluster
