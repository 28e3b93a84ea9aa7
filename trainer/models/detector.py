"""Good-only, chosen by itself: `gaussian` or `patches`, whichever ranks planted defects higher.

Both are fitted on the same good parts; the judges are good validation parts as they are and with
planted defects. No real defect, and nothing of the test split, takes part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.contracts.image import ImageInput
from trainer.config import FitConfig
from trainer.data.prepared import InputSpec
from trainer.data.splits import Split
from trainer.models import gaussian, patches
from trainer.models.grid import detector_spec, planted_calibration, rows_of
from trainer.models.planted import plant
from trainer.models.registry import Architecture, Fitted, Training
from trainer.strict_toml import StrictTable

if TYPE_CHECKING:
    import keras

PLANTED = 3
"""Planted defects for each good validation part."""

CANDIDATES = (gaussian.ARCHITECTURE, patches.ARCHITECTURE)


@dataclass(frozen=True)
class Ranking:
    """How a candidate ranks planted defects above good parts."""

    name: str
    fitted: Fitted
    auroc: float
    recall: float

    def sentence(self) -> str:
        """For the log and the report."""
        return (
            f"{self.name}: AUROC {self.auroc:.3f}, recall {self.recall:.2f} at 1 % false rejects "
            "on planted defects"
        )


def spec_of(split: Split, config: FitConfig, options: StrictTable) -> ImageInput:
    """A square of 320 px."""
    del split, options
    return detector_spec(config, gaussian.SIZE_PX)


def build(spec: InputSpec, labels: int, config: FitConfig, options: StrictTable) -> keras.Model:
    """The first candidate's graph, untrained."""
    del options
    return gaussian.build(spec, labels, config, gaussian.GaussianOptions())


def fit(training: Training) -> Fitted:
    """Fit both candidates; the better ranking stays, ties go to the first."""
    rankings = [rank(row, training) for row in CANDIDATES]
    best = max(rankings, key=lambda one: (round(one.auroc, 3), one.recall))
    said = tuple(one.sentence() for one in rankings)
    for sentence in (*said, f"{best.name} was chosen"):
        training.talk.say(sentence)
    notes = (*best.fitted.notes, *said, f"{best.name} was chosen")
    return replace(best.fitted, notes=notes)


def rank(row: Architecture, training: Training) -> Ranking:
    """Fit one candidate with its default options and let it judge planted defects."""
    from trainer.judging.metrics import auroc, recall_at

    if row.fit is None:
        raise ValueError(f"{row.name} has no fit of its own")
    fitted = row.fit(replace(training, options=row.options()))
    good = training.val.inputs
    rng = np.random.default_rng(training.config.seed)
    planted = np.concatenate([plant(good, rng)[0] for _ in range(PLANTED)])
    judged = np.concatenate([good, planted])
    scores = rows_of(fitted.model, judged, training, f"planted defects, {row.name}")[0]
    bad = np.arange(len(judged)) >= len(good)
    flat = scores.reshape(-1).astype(np.float64)
    return Ranking(row.name, fitted, auroc(bad, flat), recall_at(bad, flat, 0.01))


ARCHITECTURE = Architecture(
    name="detector",
    tasks=("image-anomaly",),
    summary="good-only, chosen by itself: gaussian or patches, by planted defects",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=planted_calibration,
    scoring="anomaly",
    windows="max",
)
