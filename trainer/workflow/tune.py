"""The search of a fit's settings by KerasTuner; it sees validation samples, never held-out ones."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_agent.contracts.core.errors import ConfigError
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress, SilentProgress
from trainer.data.split import Split
from trainer.evaluation.held_out import outcome_of
from trainer.statistics import metrics
from trainer.workflow.cut_out_look import with_cut_out
from trainer.workflow.experiment import run_experiment
from trainer.workflow.usual_light import with_light
from trainer.workflow.usual_look import with_usual_look

if TYPE_CHECKING:
    import keras_tuner
    from keras_tuner.engine.base_tuner import BaseTuner
    from keras_tuner.engine.trial import Trial


AUGMENTATIONS: Mapping[str, list[str]] = {
    "none": [],
    "geometry": ["flip", "rotate"],
    "geometry and light": ["flip", "rotate", "brightness"],
    "all of the line": ["flip", "rotate", "brightness", "scale", "blur", "exposure", "glare"],
}
"""What the search may choose for pictures."""

LEARNING_RATES = (3e-4, 6e-3)
BATCHES = (16, 32, 64)
OBJECTIVE = "validation"


@dataclass(frozen=True)
class Tried:
    """One trial: the settings, and its score on validation samples (higher is better)."""

    settings: Mapping[str, object]
    score: float


def search(
    split: Split, config: FitConfig, trials: int, folder: Path, progress: Progress | None = None
) -> tuple[FitConfig, list[Tried]]:
    """Try `trials` settings at random; returns the best configuration and all.

    `folder` keeps the trials: an interrupted search goes on where it stopped.
    """
    import keras_tuner

    if split.dataset.config.good_only:
        raise ConfigError(
            "good parts alone cannot tell a better detector",
            where=str(split.dataset.root),
            cure="tune on a data set with defects in validation",
        )
    image = split.dataset.config.kind == "image"
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective(OBJECTIVE, "max"), max_trials=trials, seed=config.seed
    )
    folder.mkdir(parents=True, exist_ok=True)
    progress = progress or SilentProgress()
    shown, cut, _ = with_cut_out(split, config, progress)
    settled = with_light(shown, with_usual_look(shown, cut, progress), progress)
    with contextlib.redirect_stdout(sys.stderr):  # KerasTuner prints
        tuner = _search_class(split, settled, progress)(
            oracle=oracle, directory=str(folder), project_name="trials", overwrite=False
        )
        settings_of(oracle.hyperparameters, image)
        tuner.search(verbose=0)
    done = oracle.get_best_trials(trials)
    tried = [Tried(dict(trial.hyperparameters.values), float(trial.score)) for trial in done]
    return configured(config, tried[0].settings, image), tried


def _search_class(split: Split, config: FitConfig, progress: Progress) -> type[BaseTuner]:
    """A tuner that fits on training samples and scores on validation samples."""
    from keras_tuner.engine.base_tuner import BaseTuner

    image = split.dataset.config.kind == "image"

    class Search(BaseTuner):  # type: ignore[misc]
        def run_trial(self, trial: Trial, *args: object, **kwargs: object) -> dict[str, float]:
            del args, kwargs
            tried = configured(config, settings_of(trial.hyperparameters, image), image)
            score = _validation_score(split, tried)
            progress.say(
                f"trial {trial.trial_id}: {score:.4f} {dict(trial.hyperparameters.values)}"
            )
            return {OBJECTIVE: score}

        def load_model(self, trial: Trial) -> None:
            raise NotImplementedError

    return Search


def settings_of(space: keras_tuner.HyperParameters, image: bool) -> dict[str, Any]:
    """One draw of the space; declares it at the same time."""
    settings = {
        "learning_rate": space.Float("learning_rate", *LEARNING_RATES, sampling="log"),
        "batch": space.Choice("batch", list(BATCHES)),
        "oversample": space.Boolean("oversample"),
    }
    if image:
        settings["augment"] = space.Choice("augment", list(AUGMENTATIONS))
    return settings


def configured(config: FitConfig, settings: Mapping[str, Any], image: bool) -> FitConfig:
    """The configuration with these settings."""
    update: dict[str, object] = {
        "learning_rate": float(settings["learning_rate"]),
        "batch": int(settings["batch"]),
        "oversample": bool(settings["oversample"]),
    }
    if image:
        config = config.with_image(augment=AUGMENTATIONS[str(settings["augment"])])
    return config.model_copy(update=update)


def _validation_score(split: Split, config: FitConfig) -> float:
    """Macro F1 of the labels, and between equals the ranking of defects."""
    experiment = run_experiment(split, config, "tune")
    outcome = outcome_of(experiment.split, experiment.spec, experiment.val)
    score = metrics.macro_f1(outcome.truth, outcome.predicted, len(outcome.labels))
    area = metrics.auroc(outcome.bad[outcome.seen], outcome.scores[outcome.seen])
    return float(score + (0.1 * area if np.isfinite(area) else 0.0))
