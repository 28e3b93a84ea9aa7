"""The data set as the named model learns from it.

Where dataset.toml states no task, the layout tells it. A model that learns from good samples alone
says another one by its name, and the folder has all that it needs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edge_agent.contracts.core.toml import read_toml_document
from trainer.config.fit import FitConfig
from trainer.data.dataset_toml import DATASET_TOML
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset
from trainer.data.split_guard import column_of
from trainer.models.architectures import architectures, current_name


def load_asked(root: Path, config: FitConfig) -> Dataset:
    """`load_dataset` with the columns and the task that `config` asks for; the same errors."""
    dataset = load_dataset(root, group=column_of(config), fold=config.fold)
    return with_task_of(dataset, config.model)


def with_task_of(dataset: Dataset, model: str) -> Dataset:
    """With the task of `model` where that learns from good samples alone, the layout suggested
    classes, and good labels are known; else as it is. A task that dataset.toml states stays.
    """
    task = dataset.config.task
    wanted = task.replace("-class", "-anomaly")
    row = architectures().get(current_name(model))
    file = dataset.root / DATASET_TOML
    stated = file.is_file() and "task" in read_toml_document(file)
    if row is None or task in row.tasks or wanted not in row.tasks or stated:
        return dataset
    if not dataset.config.good:
        return dataset
    learns = f"{row.name} learns from good samples alone, so task = {wanted!r}"
    config = dataset.config.model_copy(update={"task": wanted})
    return replace(dataset, config=config, decisions=(*dataset.decisions, learns))
