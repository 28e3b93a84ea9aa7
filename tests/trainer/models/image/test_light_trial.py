"""A trial on training parts tells where standardising helps, where it costs, and where neither."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.image.input import ImageInput, Tiling
from trainer.config.fit import FitConfig
from trainer.console.progress import Bar, SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import Split
from trainer.models.image.light_trial import LEAST_PARTS, LightTrial, lit, try_light

SIDE_PX = 64
SPEC = ImageInput(width_px=SIDE_PX, height_px=SIDE_PX)
Draw = Callable[[np.random.Generator], np.ndarray]

pytestmark = pytest.mark.usefixtures("small_backbone")


def alike(rng: np.random.Generator) -> np.ndarray:
    """One scene in one light, from frame to frame the noise of a camera."""
    rows = np.linspace(60, 180, SIDE_PX)[:, None, None] + np.zeros((1, SIDE_PX, 3))
    rows[20:44, 20:44] += 40
    return rows + rng.normal(0, 1, rows.shape)


def dark(rng: np.random.Generator) -> np.ndarray:
    """The same, with as much less light everywhere as no lamp loses."""
    return alike(rng) - 50


def split_of(root: Path, drawn: dict[str, Draw], each: int, task: str) -> Split:
    """`each` frames of each label, all of them for training; the label `ok` is good."""
    rng = np.random.default_rng(5)
    for label, draw in drawn.items():
        (root / label).mkdir(parents=True)
        for number in range(each):
            frame = np.clip(np.rint(draw(rng)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / label / f"{number:02d}.png"), frame)
    (root / "dataset.toml").write_text(f'task = "{task}"\ngood = ["ok"]\n')
    dataset = load_dataset(root)
    every = np.arange(len(dataset.samples))
    return Split(dataset, every, every[:0], every[:0], "drawn")


def tried(split: Split) -> LightTrial | None:
    return try_light(split, SPEC, FitConfig(weights="none"), SilentProgress())


class Counted(SilentProgress):
    """Notes how many pictures each bar of a trial is for."""

    def __init__(self, pictures: list[int]) -> None:
        self._pictures = pictures

    def steps(self, what: str, total: int) -> AbstractContextManager[Bar]:
        if what == "trial of light":
            self._pictures.append(total)
        return super().steps(what, total)


def test_light_is_a_share_of_what_is_there_and_the_range_ends_at_255() -> None:
    frame = np.array([[[0, 100, 240]]], np.uint8)
    assert lit(frame, 1.1).tolist() == [[[0, 110, 255]]]
    assert lit(frame, 0.9).tolist() == [[[0, 90, 216]]]


def test_of_good_parts_that_are_alike_in_one_light_standardising_finds_more(
    tmp_path: Path,
) -> None:
    trial = tried(split_of(tmp_path, {"ok": alike}, 24, "image-anomaly"))
    assert trial is not None
    assert trial.standardised - trial.plain > 2 * trial.error
    assert trial.moved is not None
    assert trial.moved[0] > 3 * trial.moved[1]


def test_by_pixels_alone_standardising_finds_more_of_what_is_alike(tmp_path: Path) -> None:
    split = split_of(tmp_path, {"ok": alike}, 24, "image-anomaly")
    trial = try_light(split, SPEC, FitConfig(weights="none"), SilentProgress(), "pixels")
    assert trial is not None
    assert trial.standardised - trial.plain > 2 * trial.error
    assert trial.moved is not None
    assert trial.moved[0] > 3 * trial.moved[1]


def test_of_many_tiles_some_of_every_part_are_tried(tmp_path: Path) -> None:
    """Sixteen tiles of each of 24 parts: 120 of the 384 are seen, 5 of each part."""
    split, shapes = split_of(tmp_path, {"ok": alike}, 24, "image-anomaly"), []
    tiled = SPEC.model_copy(update={"tiles": Tiling(rows=4, columns=4, overlap=0.0)})
    bars = Counted(shapes)
    assert try_light(split, tiled, FitConfig(weights="none"), bars) is not None
    assert shapes == [4 * 120] * 2, "three lights and a flaw, as they are and standardised"


def test_a_class_that_is_only_darker_is_lost_by_standardising(tmp_path: Path) -> None:
    trial = tried(split_of(tmp_path, {"ok": alike, "dark": dark}, 16, "image-class"))
    assert trial is not None
    assert trial.plain == 1.0
    assert trial.standardised < 0.8
    assert trial.moved is None


@pytest.mark.parametrize(
    ("each", "groups"), [(LEAST_PARTS - 1, None), (LEAST_PARTS, "one lot")], ids=["few", "one lot"]
)
def test_too_few_parts_or_groups_say_nothing(tmp_path: Path, each: int, groups: str | None) -> None:
    split = split_of(tmp_path, {"ok": alike}, each, "image-anomaly")
    if groups:
        rows = [f"ok/{number:02d}.png,ok,{groups}" for number in range(each)]
        (tmp_path / "labels.csv").write_text("\n".join(["path,label,lot", *rows]))
        (tmp_path / "dataset.toml").write_text(
            'task = "image-anomaly"\ngood = ["ok"]\nlabels = "labels.csv"\ngroup = "lot"\n'
        )
        dataset = load_dataset(tmp_path)
        split = Split(dataset, split.train, split.val, split.test, "drawn")
    assert tried(split) is None
