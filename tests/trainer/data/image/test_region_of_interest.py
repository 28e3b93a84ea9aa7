"""What the configuration says of the frame reaches the specification, or is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.image.input import ImageInput, Region
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.image.region_of_interest import framed, typical
from trainer.data.load import load_dataset
from trainer.data.prepare import prepare
from trainer.data.split import Split

SPEC = ImageInput(width_px=32, height_px=32)


def _split(plates: Path, task: str) -> Split:
    dataset = load_dataset(plates)
    config = dataset.config.model_copy(update={"task": task})
    dataset = replace(dataset, config=config)
    good = np.flatnonzero(~dataset.is_bad())
    return Split(dataset, good[:12], good[12:16], good[16:], "drawn")


def test_tiles_of_a_classifier_are_refused(plates: Path) -> None:
    config = FitConfig(image=ImageTable(tile_rows=2))
    with pytest.raises(ConfigError, match=r"most tiles of a defective part.*--model local"):
        framed(SPEC, _split(plates, "image-class"), config)


def test_every_tile_of_a_detector_is_an_input_of_its_sample(plates: Path) -> None:
    split = _split(plates, "image-anomaly")
    config = FitConfig(image=ImageTable(tile_rows=2, tile_columns=3))
    spec = framed(SPEC, split, config)
    prepared = prepare(split.dataset, split.train, spec, SilentProgress(), "plates")
    assert prepared.inputs.shape == (72, 32, 32, 3)
    assert (np.bincount(prepared.sample)[split.train] == 6).all()


def test_region_and_alignment_reach_the_specification(plates: Path) -> None:
    split = _split(plates, "image-class")
    table = ImageTable(region=[0.25, 0, 0.5, 1], align=True, align_turn_deg=5)
    spec = framed(SPEC, split, FitConfig(image=table))
    assert isinstance(spec, ImageInput)
    assert spec.region == Region(left=0.25, top=0, width=0.5, height=1)
    assert spec.align is not None
    assert spec.align.turn_deg == 5


def test_the_reference_is_a_good_training_image(plates: Path) -> None:
    split = _split(plates, "image-class")
    assert typical(split) in split.train
