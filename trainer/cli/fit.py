"""The verb fit, and the options of every verb that fits."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.console.tf_log import quiet_tensorflow

if TYPE_CHECKING:
    from trainer.config.fit import FitConfig
    from trainer.console.progress import Terminal
    from trainer.data.samples import Dataset
    from trainer.training.distributed import Cluster

OPTIONS = ("model", "weights", "seed", "epochs", "group", "fold", "held_out")
"""Fields of FitConfig that the command line may override."""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "fit",
        help="train a network on a data set and write a run folder",
        description="Train on the grouped training split, choose epoch and threshold on the "
        "validation split, judge the held-out split, and write the run folder. A fit that was "
        "interrupted goes on after its last finished epoch when the same command is given again; "
        "RUN.unfinished holds what it needs.",
        epilog="examples:\n  lineside-train fit data/castings --out runs/castings\n"
        "  lineside-train fit data/bearings --group load --held-out 3",
    )
    verb.add_argument("dataset", type=Path, metavar="DATASET")
    verb.add_argument("--out", type=Path, metavar="RUN", help="default: runs/DATASET-MODEL")
    verb.add_argument("--name", help="the model's name (default: the data set's)")
    verb.add_argument("--force", action="store_true", help="overwrite an existing run")
    verb.add_argument("--json", action="store_true", help="print metrics.json on stdout")
    verb.add_argument(
        "--allow",
        action="append",
        default=[],
        choices=["shared-copies"],
        help="shared-copies: where copies straddle the given split, fit on it too, and show its "
        "score beside the honest one",
    )
    verb.add_argument(
        "--tensorboard", action="store_true", help="write TensorBoard logs into RUN/logs"
    )
    add_fit_options(verb)
    verb.set_defaults(run=_fit)


def add_fit_options(verb: argparse.ArgumentParser) -> None:
    """The options of every verb that fits; `config_from` reads them."""
    verb.add_argument("--model", metavar="NAME", help="architecture (default: by the task)")
    verb.add_argument("--weights", metavar="FILE", help="imagenet, a weights file, or none")
    verb.add_argument("--config", type=Path, metavar="FILE", help="TOML with all settings")
    verb.add_argument("--seed", type=int, metavar="N")
    verb.add_argument("--epochs", type=int, metavar="N", help="at most so many epochs")
    verb.add_argument("--group", metavar="COLUMN", help="overrides group of dataset.toml")
    verb.add_argument("--fold", metavar="COLUMN", help="overrides fold of dataset.toml")
    verb.add_argument(
        "--held-out",
        metavar="VALUE",
        action="append",
        help="hold out this value of the fold column, or of the group column where no fold is "
        "given; repeat for more",
    )


def config_from(arguments: argparse.Namespace) -> FitConfig:
    """The FitConfig of --config, overridden by what the command line gives."""
    from edge_agent.contracts.core.strict import validate
    from edge_agent.contracts.core.toml import read_toml
    from trainer.config.fit import FitConfig

    file = getattr(arguments, "config", None)
    config = read_toml(file, FitConfig) if file else FitConfig()
    given = {name: getattr(arguments, name, None) for name in OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    return validate(FitConfig, {**config.model_dump(), **given}, "command line")


def _fit(arguments: argparse.Namespace) -> int:
    from trainer.console.progress import Terminal
    from trainer.data.load import load_dataset, refuse_missing
    from trainer.data.split_guard import column_of, guard, naive_figures
    from trainer.models.registry import find_architecture
    from trainer.report.words import rivalled, sentence
    from trainer.run_folder.run import refuse_existing, slug, write_run
    from trainer.training.checkpoints import Unfinished, mark_of, open_unfinished
    from trainer.workflow.experiment import run_experiment

    config, talk = config_from(arguments), Terminal()
    dataset = load_dataset(arguments.dataset, group=column_of(config), fold=config.fold)
    refuse_missing(dataset)
    architecture = find_architecture(config.model, dataset.config.task, config.weights)
    name = slug(arguments.name or dataset.root.name)
    out = (arguments.out or Path("runs") / f"{name}-{architecture.name}").absolute()
    refuse_existing(out, arguments.force)
    guarded = guard(dataset, config, arguments.allow, talk)
    split = guarded.split
    for said in (*split.dataset.decisions, *guarded.findings, split.protocol, *_short(dataset)):
        talk.say(said)
    quiet_tensorflow()
    mark = mark_of(split, config)
    cluster = _cluster(mark, talk)
    chief = cluster is None or cluster.chief
    unfinished = Unfinished()
    if chief:
        unfinished = open_unfinished(out, mark, arguments.tensorboard, talk)
    if unfinished.logs:
        talk.say(f"while it trains: tensorboard --logdir {unfinished.logs}")
    try:
        extra = naive_figures(guarded, config, name, talk, unfinished, cluster)
        experiment = run_experiment(split, config, name, talk, unfinished, cluster)
        if chief:
            run = write_run(out, experiment, extra, unfinished.logs)
    except KeyboardInterrupt:
        if unfinished.interrupted():
            talk.say("interrupted; the same command goes on after the last finished epoch")
        raise
    unfinished.remove()
    if cluster is not None:
        cluster.wait()
        if not cluster.used:
            talk.say(f"{architecture.name} shares no work: the other machines did it in vain")
    if not chief:
        return 0
    talk.say(sentence(run.metrics["held_out"], run.spec.good))
    if warning := rivalled(run.metrics["held_out"], run.metrics["baselines"]):
        talk.say(warning)
    talk.say(f"report: {out / 'report.html'}")
    print(json.dumps(run.metrics) if arguments.json else str(out))
    return 0


def _short(dataset: Dataset) -> list[str]:
    """The recordings that shorten every window."""
    from trainer.data.vibration.signals import short_doubts

    return short_doubts(dataset) if dataset.config.kind == "vibration" else []


def _cluster(mark: str, talk: Terminal) -> Cluster | None:
    """The machines of TF_CONFIG, all of which do the same."""
    from trainer.training.distributed import join_cluster

    cluster = join_cluster()
    if cluster is not None:
        cluster.refuse_strangers(mark)
        part = "the chief, which writes the run" if cluster.chief else "the chief writes the run"
        talk.say(f"machine {cluster.index + 1} of {cluster.workers}: {part}")
    return cluster
