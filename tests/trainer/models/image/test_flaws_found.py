"""Detectors are compared by synthetic flaws on good parts that they were not fitted on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.models.image.test_detectors import SIZE_PX, good_only
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.models.image import padim, patchcore
from trainer.models.image.cross_fitting import FittedDetector
from trainer.models.image.flaws_found import flaws_found, merits_of
from trainer.training.api import Training
from trainer.workflow.budget import within_budget
from trainer.workflow.preparation import prepare_training, resolve


def training_of(plates: Path, weights: str) -> Training[Any]:
    image = ImageTable(size_px=SIZE_PX)
    split = good_only(plates)
    asked = FitConfig(model="padim", weights=weights, image=image, options={"dimensions": 8})
    architecture, config = resolve(split, asked)
    return prepare_training(split, config, architecture, SilentProgress())


@pytest.mark.parametrize("module", [padim, patchcore], ids=["padim", "patchcore"])
def test_the_first_look_is_what_a_fit_without_a_budget_takes(module: Any) -> None:
    row = module.ARCHITECTURE
    looks = [row.options.model_validate(look) for look in row.looks]
    assert looks[0] == row.options()
    assert len({one.model_dump_json() for one in looks}) == len(looks)


def test_on_random_weights_nothing_is_compared(plates: Path) -> None:
    def never(training: Training[Any]) -> FittedDetector:
        raise AssertionError("nothing needs to be fitted")

    training = training_of(plates, "none")
    assert all(map(math.isnan, merits_of(never, [training] * 2, "padim")))


def test_a_score_that_knows_the_good_parts_finds_every_flaw(plates: Path) -> None:
    """A network that gives the distance to the nearest of the good pictures themselves."""
    import keras

    training = training_of(plates, "none")
    known = training.val.inputs.astype(np.float32).reshape(len(training.val.inputs), -1)

    def memory(training: Training[Any]) -> FittedDetector:
        pixels = keras.Input(training.spec.shape)
        flat = keras.ops.expand_dims(keras.layers.Flatten()(pixels), 1)
        # Not by squares of lengths: in float32 a faint flaw would be lost beside them.
        distances = keras.ops.sum(keras.ops.square(flat - known), axis=2)
        score = keras.ops.min(distances, axis=1, keepdims=True)
        network = keras.Model(pixels, [score, score])
        return FittedDetector(network, np.zeros((0, 1), np.float32), ())

    found = flaws_found(memory, training, training.options, "memory")
    assert found.defects >= 60
    assert found.recall > 0.99


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_budget_compares_padim_with_and_without_its_head(
    plates: Path, lively_weights: str
) -> None:
    asked = FitConfig(
        model="padim",
        weights=lively_weights,
        image=ImageTable(size_px=SIZE_PX),
        target="x86",
        budget_ms=1e6,
        options={"dimensions": 8},
    )
    config, found = within_budget(good_only(plates), asked, SilentProgress())
    assert found is not None
    assert [one.name for one in found.points] == [
        f"{SIZE_PX} px, synthetic_share 0.0",
        f"{SIZE_PX} px, synthetic_share 0.2",
    ]
    assert all(one.merit is not None and 0 <= one.merit <= 1 for one in found.points)
    (chosen,) = [one for one in found.points if one.chosen]
    assert str(config.options["synthetic_share"]) in chosen.name
