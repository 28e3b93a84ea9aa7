"""The verb fit, and the options of every verb that fits."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.model.target_cost import TARGET_COSTS, find_cost

if TYPE_CHECKING:
    from trainer.config.fit import FitConfig

OPTIONS = (
    "model", "weights", "backbone", "seed", "epochs", "group", "fold", "held_out", "target",
    "budget_ms",
)  # fmt: skip
"""Fields of FitConfig that the command line may override."""
CURE = "correct it (what only some models have, as aspect and foreground, stands under [options])"


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
        "  lineside-train fit data/bearings --group load --held-out 3\n"
        "  lineside-train fit data/castings --target rpi4 --budget-ms 40",
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
        help="shared-copies: fit on the given split though copies straddle it; the held-out "
        "samples that have a copy in training are judged apart, and count in no other figure",
    )
    verb.add_argument(
        "--tensorboard", action="store_true", help="write TensorBoard logs into RUN/logs"
    )
    _add_budget(verb)
    add_fit_options(verb)
    verb.set_defaults(run=_fit)


def _add_budget(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--target",
        choices=sorted(TARGET_COSTS),
        help="the station's board: the variant that is best within its time is chosen",
    )
    verb.add_argument(
        "--budget-ms",
        type=float,
        metavar="MS",
        help="what one frame or window may take there (default: by the target)",
    )


def add_fit_options(verb: argparse.ArgumentParser) -> None:
    """The options of every verb that fits; `config_from` reads them."""
    verb.add_argument("--model", metavar="NAME", help="architecture (default: by the task)")
    verb.add_argument(
        "--weights",
        metavar="FILE",
        help="auto (for images: your folder's, else the packaged ones), a backbone's name, "
        "imagenet, a file, or none",
    )
    verb.add_argument(
        "--backbone",
        metavar="NAME",
        help="the ImageNet network (default: of the weights); lineside-train weights lists them",
    )
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


def config_without_budget(arguments: argparse.Namespace) -> FitConfig:
    """`config_from` for a verb that compares nothing by time; ConfigError where a file asks it."""
    from edge_agent.contracts.core.errors import ConfigError

    config = config_from(arguments)
    if config.budget is not None:
        raise ConfigError(
            "target and budget_ms choose a network, which `fit` alone does",
            where=str(arguments.config),
            cure="leave them out here; put what `fit` chose (size_px, options) in their place",
        )
    return config


def config_from(arguments: argparse.Namespace) -> FitConfig:
    """The FitConfig of --config, overridden by what the command line gives.

    A verb calls it before its imports, which take seconds: what is wrong here is said at once.
    """
    from edge_agent.contracts.core.strict import validate
    from edge_agent.contracts.core.toml import read_toml
    from trainer.config.fit import FitConfig

    file = getattr(arguments, "config", None)
    config = read_toml(file, FitConfig, cure=CURE) if file else FitConfig()
    given = {name: getattr(arguments, name, None) for name in OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    config = validate(FitConfig, {**config.model_dump(), **given}, "command line")
    if config.target is not None:
        find_cost(config.target)
    return config


def _fit(arguments: argparse.Namespace) -> int:
    config = config_from(arguments)
    from trainer.console.progress import TerminalProgress
    from trainer.workflow.fit import FitRequest, fit

    request = FitRequest(
        dataset=arguments.dataset,
        config=config,
        out=arguments.out,
        name=arguments.name,
        force=arguments.force,
        allow=arguments.allow,
        tensorboard=arguments.tensorboard,
    )
    run = fit(request, TerminalProgress())
    if run is not None:
        print(json.dumps(run.metrics.as_json()) if arguments.json else str(run.path))
    return 0
