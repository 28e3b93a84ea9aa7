"""What stand-ins of the detectors see at a size of the input."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import Split, plan_split
from trainer.models.image import auto_anomaly
from trainer.models.image.alignment_trial import MOST_JUDGED, MOST_LEARNT
from trainer.models.image.size_trial import CHANCE, flaws_seen, parts_of_trial
from trainer.models.image.weights import find_pretrained
from trainer.training.api import Look, Training
from trainer.workflow.preparation import prepare_training, resolve
from trainer.workflow.usual_look import with_usual_look

NAMES = ("padim", "patchcore")
SURFACES = 60


def write_surfaces(folder: Path, side: int, grain: int) -> Path:
    """Grey surfaces with a calm ground of that grain, in pixels."""
    rng = np.random.default_rng(2)
    (folder / "good").mkdir(parents=True)
    for number in range(SURFACES):
        coarse = rng.normal(128, 10, (side // grain, side // grain)).astype(np.float32)
        surface = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        picture = np.clip(surface + rng.normal(0, 2, (side, side)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "good" / f"{number:02d}.png"), picture)
    (folder / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    return folder


def training_at(split: Split, size_px: int, weights: str) -> Training:
    image = ImageTable(size_px=size_px, align=False)
    config = FitConfig(model="auto-anomaly", weights=weights, image=image)
    architecture, filled = resolve(split, config)
    return prepare_training(split, filled, architecture, SilentProgress())


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    folder = write_surfaces(tmp_path_factory.mktemp("surfaces") / "set", 192, 16)
    return plan_split(load_dataset(folder), FitConfig(model="auto-anomaly"))


def test_of_few_validation_parts_spare_training_parts_are_judged_too(split: Split) -> None:
    training = training_at(split, 64, "none")
    learnt, judged = parts_of_trial(training)
    held = len(training.val.inputs)
    assert len(learnt) == min(MOST_LEARNT, len(training.train.inputs))
    spare = len(training.train.inputs) - len(learnt)
    assert len(judged) == min(MOST_JUDGED, held + spare)
    alone = replace(training, val=training.train)
    assert len(parts_of_trial(alone)[1]) == MOST_JUDGED


def test_random_weights_tell_nothing(split: Split) -> None:
    assert math.isnan(flaws_seen(training_at(split, 64, "none"), NAMES))


def test_flaws_that_a_small_input_loses_are_seen_in_a_larger_one(split: Split) -> None:
    weights = find_pretrained(FitConfig(), "image-anomaly").weights
    small, large = (flaws_seen(training_at(split, side, weights), NAMES) for side in (32, 192))
    assert 0 <= small < large <= 1


@pytest.mark.parametrize(
    ("seen", "taken"), [((0.5, 0.5), "large"), ((0.5, 0.59), "large"), ((0.5, 0.7), "usual")]
)
def test_the_larger_input_stays_unless_the_usual_one_sees_clearly_more(
    split: Split, monkeypatch: pytest.MonkeyPatch, seen: tuple[float, float], taken: str
) -> None:
    config = FitConfig(model="auto-anomaly", weights="efficientnet_lite0")
    sizes = {64: ("large", seen[0]), 32: ("usual", seen[1])}
    looks = [Look(config.with_image(size_px=side), name) for side, (name, _) in sizes.items()]
    row = replace(
        auto_anomaly.ARCHITECTURE,
        usual_looks=lambda *_: looks,
        merits=lambda several: [sizes[one.spec.shape[0]][1] for one in several],
    )
    monkeypatch.setattr(auto_anomaly, "ARCHITECTURE", row)
    chosen = with_usual_look(split, config, SilentProgress())
    assert sizes[chosen.image.size_px][0] == taken
    assert row.merit_chance == CHANCE
