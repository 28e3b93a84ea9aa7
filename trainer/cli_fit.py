"""The verbs fit, evaluate and report."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from trainer.quiet import quiet_tensorflow

Verbs = "argparse._SubParsersAction[argparse.ArgumentParser]"


def register(verbs: Verbs) -> None:
    """Add the verbs."""
    _register_fit(verbs)


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


def config_from(arguments: argparse.Namespace):
    """The FitConfig of --config, overridden by what the command line gives."""
    from trainer.config import FitConfig
    from trainer.strict_toml import read_toml, validate

    config = read_toml(FitConfig, arguments.config) if arguments.config else FitConfig()
    names = ("model", "weights", "seed", "epochs", "group", "fold", "held_out")
    given = {name: getattr(arguments, name) for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    return validate(FitConfig, {**config.model_dump(), **given}, "command line")


def _register_fit(verbs: Verbs) -> None:
    verb = verbs.add_parser(
        "fit",
        help="train a network on a data set and write a run folder",
        description="Train on the grouped training split, choose epoch and threshold on the "
        "validation split, judge the held-out split, and write the run folder.",
        epilog="example: lineside-train fit data/bearings --group load --held-out 3 --out runs/b",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("dataset", type=Path, metavar="DATASET")
    verb.add_argument("--out", type=Path, metavar="RUN", help="default: runs/DATASET-MODEL")
    verb.add_argument("--name", help="the model's name (default: the data set's)")
    verb.add_argument("--force", action="store_true", help="overwrite an existing run")
    verb.add_argument("--json", action="store_true", help="print metrics.json on stdout")
    add_fit_options(verb)
    verb.set_defaults(run=_fit)


def _fit(arguments: argparse.Namespace) -> int:
    quiet_tensorflow()
    from trainer.data.load import load_dataset, refuse_missing
    from trainer.data.splits import plan_split
    from trainer.experiment import resolve, run_experiment
    from trainer.progress import Terminal
    from trainer.run import refuse_existing, slug, write_run

    config, talk = config_from(arguments), Terminal()
    dataset = load_dataset(arguments.dataset, group=config.group, fold=config.fold)
    refuse_missing(dataset)
    split = plan_split(dataset, config)
    architecture, _ = resolve(split, config)
    name = slug(arguments.name or dataset.root.name)
    out = (arguments.out or Path("runs") / f"{name}-{architecture.name}").absolute()
    refuse_existing(out, arguments.force)
    for sentence in (*split.dataset.decisions, split.protocol):
        talk.say(sentence)
    experiment = run_experiment(split, config, name, talk)
    run = write_run(out, experiment)
    print(json.dumps(run.metrics) if arguments.json else str(out))
    return 0
