"""The architectures: one file of this package each, found by name.

A file trainer/models/ROOM/NAME.py (ROOM: image, vibration or process; dashes of the name as
underscores) that holds `ARCHITECTURE = Architecture(...)` is a model that `--model NAME` trains.
Nothing else is edited, but the defaults for the model that `auto` takes. Keras is imported inside
the functions only.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.strict import validate
from edge_agent.contracts.core.suggestion import did_you_mean
from edge_agent.contracts.model.manifest import Task
from trainer.config.fit import FitConfig
from trainer.data.samples import Dataset
from trainer.models.image.weights import find_pretrained
from trainer.training.api import Architecture

DEFAULTS: dict[Task, str] = {
    "tabular-class": "mlp",
    "tabular-anomaly": "hotelling",
    "tabular-regression": "gru",
    "image-class": "cnn",
    "image-anomaly": "autoencoder",
    "vibration-class": "conv1d",
    "vibration-anomaly": "conv1d-autoencoder",
}
"""What `--model auto` takes."""

DEFAULTS_ON_WEIGHTS: dict[Task, str] = {"image-class": "transfer", "image-anomaly": "auto-anomaly"}
"""What it takes where there are weights to start from: far better than a start at random."""

OLD_NAMES = {
    "detector": "auto-anomaly",
    "gaussian": "padim",
    "patches": "patchcore",
    "spectral": "mahalanobis",
}
"""Names of an earlier release, accepted until the next one."""


def architectures() -> dict[str, Architecture[Any]]:
    """Name -> architecture, for every file of these rooms that holds one."""
    rows: dict[str, Architecture[Any]] = {}
    rooms = import_module("trainer.models").__path__
    for module in pkgutil.walk_packages(rooms, "trainer.models."):
        row = getattr(import_module(module.name), "ARCHITECTURE", None)
        if isinstance(row, Architecture):
            rows[row.name] = row
    return rows


def current_name(name: str) -> str:
    """The name of today for one of an earlier release; any other name as it is."""
    return OLD_NAMES.get(name, name)


def choose_architecture(config: FitConfig, dataset: Dataset) -> Architecture[Any]:
    """The architecture of a fit: by its name, or for `auto` what suits the data set, else the
    default of its task; also where options are given, which are the default's. Raises ConfigError
    for options that it does not have.
    """
    task = dataset.config.task
    row = find_architecture(config.model, task, find_pretrained(config, task).weights)
    options_of(row, config)
    if config.model != "auto" or not row.uses_weights or config.options:
        return row
    known = [one for one in architectures().values() if task in one.tasks and one.suits]
    return next((one for one in known if one.suits and one.suits(dataset, config)), row)


def find_architecture(name: str, task: Task, weights: str = "none") -> Architecture[Any]:
    """The architecture of that name, or for `auto` the default of the task and its weights."""
    known = architectures()
    fitting = sorted(row.name for row in known.values() if task in row.tasks)
    if name == "auto":
        learnt = DEFAULTS_ON_WEIGHTS if weights != "none" else {}
        name = learnt.get(task) or DEFAULTS.get(task, "")
    name = current_name(name)
    if name in fitting:
        return known[name]
    what = f"{name!r} does not do {task}" if name in known else f"no model {name!r} for {task}"
    cure = did_you_mean(name, fitting) if fitting else f"no model for {task} is installed"
    if name in known:
        cure = _other_task(known[name], task) + cure
    raise ConfigError(what, where="--model", cure=cure)


def options_of(row: Architecture[Any], config: FitConfig) -> Any:
    """The options of a fit by `row`; raises ConfigError that names the models which have them."""
    has = {*row.options.model_fields, *getattr(row.options, "OLD_NAMES", {})}
    places = (_place(name, row) for name in config.options if name not in has)
    cure = "; ".join(["correct it", *filter(None, places)])
    return validate(row.options, config.options, f"[options] of {row.name}", cure=cure)


def _place(option: str, row: Architecture[Any]) -> str:
    """Where a key that is no option of `row` belongs; "" where nowhere."""
    for table, schema in FitConfig.model_fields.items():
        kind = schema.annotation
        if table == option:
            return f"{option} stands above all tables"
        if isinstance(kind, type) and issubclass(kind, BaseModel) and option in kind.model_fields:
            return f"{option} stands under [{table}]"
    kinds = {task.split("-")[0] for task in row.tasks}
    having = sorted(
        other.name
        for other in architectures().values()
        if option in other.options.model_fields
        and kinds & {task.split("-")[0] for task in other.tasks}
    )
    return f"{option} is an option of {', '.join(having)}" if having else ""


def _other_task(row: Architecture[Any], task: Task) -> str:
    """How data of the same kind become what the model learns from; "" for other kinds."""
    kind = task.split("-", 1)[0]
    theirs = next((one for one in row.tasks if one.startswith(f"{kind}-")), "")
    if not theirs:
        return ""
    good = ", and your good labels as good = [...]," if theirs.endswith("-anomaly") else ""
    return f'write task = "{theirs}"{good} into dataset.toml; for {task} '
