"""Scoring the part alone is taken where it finds more, on drawn features whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import Split
from trainer.models.image import foreground_choice as choice
from trainer.models.image.cross_fitting import Scorer
from trainer.models.image.feature_maps import Floats
from trainer.models.image.patchcore import ARCHITECTURE, TAPS
from trainer.workflow.preparation import prepare_training

SIDE = 8


def distance(seen: Floats) -> Scorer:
    mean = seen.mean(axis=0)
    return lambda cells: np.linalg.norm(cells - mean, axis=3)


PROBE = choice.Probe(lambda paint: None, [distance], lambda heats: heats[0])  # type: ignore[arg-type,return-value]


def features(count: int, seed: int, background: float, flaw: float = 0.0) -> Floats:
    """(count, SIDE, SIDE, 2): the left half is background that differs by `background`."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(count, SIDE, SIDE, 2)).astype(np.float32)
    cells[:, :, : SIDE // 2] *= background
    cells[:, 4, 6] += np.float32(flaw)
    return cells


def seen(count: int, part_alone: bool) -> Floats:
    where = np.ones((count, SIDE, SIDE, 1), np.float32)
    where[:, :, : SIDE // 2] -= part_alone
    return where


def found_of(background: float) -> choice.Found:
    rows = [
        [
            [features(60, 1, background), seen(60, alone)],
            [features(50, 2, background), seen(50, alone)],
            [features(150, 3, background, flaw=6), seen(150, alone)],
        ]
        for alone in (False, True)
    ]
    return choice.compared(rows[0], rows[1], PROBE, np.ones(150, np.bool_))


def test_a_loud_background_hides_defects_that_the_part_alone_shows() -> None:
    loud = found_of(background=10)
    assert loud.everywhere < 0.1
    assert loud.on_part > 0.9
    assert loud.better()


def test_a_quiet_background_is_scored_too() -> None:
    quiet = found_of(background=0.1)
    assert quiet.everywhere > 0.9
    assert not quiet.better()


@pytest.mark.parametrize(
    ("everywhere", "on_part", "odd", "better"),
    [
        (0.5, 0.51, 0.01, False),
        (0.5, 0.6, 0.1, True),
        (0.5, 0.6, 0.9, True),
        (0.6, 0.5, 0.1, False),
    ],
)
def test_one_found_more_is_no_reason(
    everywhere: float, on_part: float, odd: float, better: bool
) -> None:
    assert choice.Found(everywhere, on_part, odd, 100).better() == better


def test_a_defect_counts_where_half_of_it_is_on_the_part() -> None:
    masks: NDArray[np.bool_] = np.zeros((3, 16, 16), np.bool_)
    masks[0, 2:6, 2:6] = masks[1, 2:6, 10:14] = masks[2, 2:6, 6:12] = True
    assert choice.on_part(masks, seen(3, True)[..., 0]).tolist() == [False, True, True]


@pytest.mark.usefixtures("small_backbone")
def test_without_a_background_all_places_are_scored(plates: Path) -> None:
    dataset = load_dataset(plates)
    config = dataset.config.model_copy(update={"task": "image-anomaly"})
    good = np.flatnonzero(~dataset.is_bad())
    split = Split(replace(dataset, config=config), good[:18], good[18:24], good[24:], "drawn")
    fit = FitConfig(model="patchcore", weights="none", image=ImageTable(size_px=64))
    training = prepare_training(split, fit, ARCHITECTURE, SilentProgress())
    assert choice.choose_foreground(training, "off", TAPS, PROBE) == choice.ChosenForeground(None)
    chosen = choice.choose_foreground(training, "on", TAPS, PROBE)
    assert chosen.notes, "the report says what was found"
