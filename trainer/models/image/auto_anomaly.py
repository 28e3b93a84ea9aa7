"""Good-only, chosen by itself: `gaussian` or `patches`, whichever ranks planted defects higher.

Both learn from the same good training parts, but nothing of planted defects: these, on good
validation parts, are what they are ranked by. No real defect, and nothing of the test split, takes
part. Then the better one learns again, whole, from the validation parts too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.image.input import ImageInput
from trainer.config.fit import FitConfig
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.image import padim, patchcore
from trainer.models.image.cross_fitting import Learnt, fit_on_all
from trainer.models.image.feature_maps import detector_spec, planted_calibration, rows_of
from trainer.models.image.padim import PadimOptions
from trainer.models.image.patchcore import PatchcoreOptions
from trainer.models.image.synthetic_defects import plant
from trainer.statistics.metrics import auroc, recall_at
from trainer.training.api import Architecture, Fitted, NoOptions, Training

if TYPE_CHECKING:
    import keras

PLANTED = 3
"""Planted defects for each good validation part."""


@dataclass(frozen=True)
class Candidate:
    """A detector. learn: from the training inputs alone; whole: its default options; untaught: the
    same without a judge that planted defects teach.
    """

    name: str
    learn: Callable[[Training[Any]], Learnt]
    whole: Strict
    untaught: Strict


CANDIDATES = (
    Candidate("padim", padim.learn, PadimOptions(), PadimOptions(taught=0)),
    Candidate("patchcore", patchcore.learn, PatchcoreOptions(), PatchcoreOptions(taught=0)),
)


@dataclass(frozen=True)
class Ranking:
    """How a candidate ranks planted defects above good parts."""

    candidate: Candidate
    auroc: float
    recall: float

    def sentence(self) -> str:
        """For the log and the report."""
        return (
            f"{self.candidate.name}: AUROC {self.auroc:.3f}, recall {self.recall:.2f} at 1 % false "
            "rejects on planted defects"
        )


def spec_of(split: Split, config: FitConfig, options: NoOptions) -> ImageInput:
    """A square of 320 px, standardised."""
    del split, options
    return detector_spec(config, padim.SIZE_PX)


def build(spec: InputSpec, labels: int, config: FitConfig, options: NoOptions) -> keras.Model:
    """The first candidate's graph, untrained."""
    del options
    return padim.build(spec, labels, config, PadimOptions())


def fit(training: Training) -> Fitted:
    """Rank both candidates; the better one learns from all; ties go to the first."""
    rankings = [rank(candidate, training) for candidate in CANDIDATES]
    best = max(rankings, key=lambda one: (round(one.auroc, 3), one.recall)).candidate
    said = (*(one.sentence() for one in rankings), f"{best.name} was chosen")
    for sentence in said:
        training.talk.say(sentence)
    fitted = fit_on_all(replace(training, options=best.whole), best.learn)
    return replace(fitted, notes=(*fitted.notes, *said))


def rank(candidate: Candidate, training: Training) -> Ranking:
    """Let one candidate learn from the training parts, untaught, and judge planted defects."""

    network = candidate.learn(replace(training, options=candidate.untaught)).network
    good = training.val.inputs
    rng = np.random.default_rng(training.config.seed)
    planted = np.concatenate([plant(good, rng)[0] for _ in range(PLANTED)])
    judged = np.concatenate([good, planted])
    scores = rows_of(network, judged, training, f"planted defects, {candidate.name}")[0]
    bad = np.arange(len(judged)) >= len(good)
    flat = scores.reshape(-1).astype(np.float64)
    return Ranking(candidate, auroc(bad, flat), recall_at(bad, flat, 0.01))


ARCHITECTURE = Architecture(
    name="auto-anomaly",
    tasks=("image-anomaly",),
    summary="good-only, chosen by itself: gaussian or patches, by planted defects",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=planted_calibration,
    scoring="anomaly",
    windows="max",
    options=NoOptions,
)
