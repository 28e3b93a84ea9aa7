"""From a split and a configuration to all that a fit may see."""

from __future__ import annotations

from typing import Any

from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.data.image.region_of_interest import framed
from trainer.data.prepare import denser, prepare
from trainer.data.split import Split
from trainer.models.architectures import choose_architecture, options_of
from trainer.models.image.weights import find_pretrained
from trainer.training.api import Architecture, Training


def resolve(split: Split, config: FitConfig) -> tuple[Architecture[Any], FitConfig]:
    """The architecture, and the configuration with its own choices filled in."""
    task = split.dataset.config.task
    architecture = choose_architecture(config, split.dataset)
    options = options_of(architecture, config)
    epochs = config.epochs or architecture.epochs
    pretrained = find_pretrained(config, task)
    filled = {
        "weights": pretrained.weights,
        "backbone": pretrained.backbone,
        "model": architecture.name,
        "epochs": epochs,
        "patience": config.patience or max(1, epochs // 2),
        "batch": config.batch or architecture.batch,
        "learning_rate": config.learning_rate or architecture.learning_rate,
        "options": options.model_dump(exclude_none=True),
    }
    return architecture, config.model_copy(update=filled)


def prepare_training(
    split: Split, config: FitConfig, architecture: Architecture[Any], progress: Progress
) -> Training:
    """Read what the fit may see: train and val, never test."""
    options = options_of(architecture, config)
    spec = framed(architecture.spec_of(split, config, options), split, config)
    dense = denser(spec, architecture.train_hop_share)
    train = prepare(split.dataset, split.train, dense, progress, "training samples")
    val = prepare(split.dataset, split.val, spec, progress, "validation samples")
    return Training(
        split.dataset, split, spec, split.dataset.labels, train, val, config, options, progress
    )
