"""A fit without a budget chooses how its network looks at pictures by training samples alone."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.class_sample import worth_of_one
from trainer.data.load import load_dataset
from trainer.data.split import Split, plan_split
from trainer.models.image import transfer
from trainer.training.api import Look
from trainer.workflow.experiment import run_experiment
from trainer.workflow.preparation import resolve
from trainer.workflow.tune import search
from trainer.workflow.usual_look import best_look, with_usual_look

TRANSFER = FitConfig(model="transfer")
FIRST, OTHER = Look(TRANSFER, "first"), Look(TRANSFER, "other")


def named(split: Split, config: FitConfig) -> list[str]:
    _, filled = resolve(split, config)
    options = transfer.TransferOptions.model_validate(filled.options)
    return [look.name for look in transfer.usual_looks(split, filled, options)]


@pytest.fixture(scope="module")
def split(plates: Path) -> Split:
    return plan_split(load_dataset(plates), TRANSFER)


def long_pictures(folder: Path) -> Path:
    """Grey strips of 248x100 px, half of them with a thin dark crack in a small part."""
    rng = np.random.default_rng(1)
    for label in ("crack", "good"):
        (folder / label).mkdir(parents=True)
        for number in range(16):
            picture = rng.normal(128, 6, (248, 100)).astype(np.uint8)
            if label == "crack":
                row, column = (int(one) for one in rng.integers([20, 20], [220, 60]))
                cv2.line(picture, (column, row), (column + 24, row + 4), 40, 1)
            cv2.imwrite(str(folder / label / f"{number:02d}.png"), picture)
    (folder / "dataset.toml").write_text('task = "image-class"\ngood = ["good"]\n')
    return folder


def test_the_first_look_stays_unless_another_is_better_by_more_than_a_sample() -> None:
    assert best_look([FIRST, OTHER], [0.94, 0.95], one_sample=1 / 100) is FIRST
    assert best_look([FIRST, OTHER], [0.95, 0.95], one_sample=1 / 100) is FIRST
    assert best_look([FIRST, OTHER], [0.93, 0.95], one_sample=1 / 100) is OTHER


def test_of_several_others_the_best_replaces_the_first() -> None:
    third = Look(TRANSFER, "third")
    assert best_look([FIRST, OTHER, third], [0.90, 0.93, 0.96], one_sample=1 / 100) is third


def test_one_rare_part_is_no_reason_for_another_look() -> None:
    targets = np.repeat([0, 1], [390, 10])
    other, first = (1 - wrong / 10 / 2 for wrong in (1, 2))
    assert best_look([FIRST, OTHER], [first, other], worth_of_one(targets)) is FIRST
    assert best_look([FIRST, OTHER], [first - 0.05, other], worth_of_one(targets)) is OTHER


class Said(SilentProgress):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, sentence: str) -> None:
        self.lines.append(sentence)


def test_looks_that_could_not_be_compared_are_said_so(tmp_path: Path) -> None:
    dataset = load_dataset(long_pictures(tmp_path / "strips"))
    one_lot = [replace(one, group=one.label) for one in dataset.samples]
    config = TRANSFER.model_copy(update={"image": ImageTable(size_px=64)})
    split = replace(plan_split(dataset, config), dataset=replace(dataset, samples=tuple(one_lot)))
    said = Said()
    with_usual_look(split, config, said)
    assert "could not be compared" in said.lines[-1]
    assert "nan" not in said.lines[-1]


def test_where_a_look_cannot_be_compared_the_first_is_taken() -> None:
    assert best_look([FIRST, OTHER], [math.nan, 0.9], one_sample=1 / 100) is FIRST


@pytest.mark.parametrize(
    ("size_px", "options", "names"),
    [
        (0, {}, ["224 px, 4 views", "320 px, 1 view"]),
        (0, {"tta_views": 1}, ["320 px, 1 view", "224 px, 1 view"]),
        (0, {"tta_views": 4}, ["224 px, 4 views"]),
        (96, {}, ["96 px, 4 views", "96 px, 1 view"]),
        (96, {"tta_views": 1}, ["96 px, 1 view"]),
        (0, {"aspect": "kept"}, ["own aspect, 4 views"]),
    ],
)
def test_what_is_configured_is_not_compared(
    split: Split, size_px: int, options: dict[str, str | int], names: list[str]
) -> None:
    image = ImageTable(size_px=size_px)
    config = TRANSFER.model_copy(update={"image": image, "options": options})
    assert named(split, config) == names


def test_a_random_backbone_has_one_look(split: Split) -> None:
    assert named(split, TRANSFER.model_copy(update={"weights": "none"})) == ["224 px, 4 views"]


def test_long_pictures_may_keep_their_aspect_for_what_four_views_cost(tmp_path: Path) -> None:
    split = plan_split(load_dataset(long_pictures(tmp_path / "strips")), TRANSFER)
    assert named(split, TRANSFER)[-1] == "own aspect, 1 view"
    options = transfer.TransferOptions(aspect="kept", tta_views=1)
    spec = transfer.spec_of(split, TRANSFER, options)
    assert (spec.height_px, spec.width_px) == (256, 96)
    assert spec.height_px * spec.width_px <= transfer.MOST_PX


def test_other_models_and_machines_of_a_cluster_compare_nothing(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    cnn = FitConfig(model="cnn", weights="none")
    assert with_usual_look(split, cnn, SilentProgress()) == cnn
    workers = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers))
    config = with_usual_look(split, TRANSFER, SilentProgress())
    assert (config.image.size_px, config.options["tta_views"]) == (224, 4)


def test_a_search_of_settings_compares_looks_once(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TRANSFER.with_image(size_px=96, standardise=False)
    compared: list[str] = []
    tried: list[FitConfig] = []

    def worth(split: Split, look: Look, *_: object) -> float:
        compared.append(look.name)
        return float(len(compared))

    def score(split: Split, config: FitConfig) -> float:
        tried.append(with_usual_look(split, config, SilentProgress()))
        return 0.5

    monkeypatch.setattr("trainer.workflow.usual_look._worth", worth)
    monkeypatch.setattr("trainer.workflow.tune._validation_score", score)
    best, found = search(split, config, 3, tmp_path / "trials")
    assert len(found) == 3
    assert compared == ["96 px, 4 views", "96 px, 1 view"]
    assert [one.options["tta_views"] for one in tried] == [1] * 3
    assert best.options == config.options, "the fit with the best settings says what it chose"


@pytest.mark.slow
def test_what_was_chosen_is_what_the_run_states_and_the_station_gets(tmp_path: Path) -> None:
    config = TRANSFER.model_copy(update={"image": ImageTable(size_px=64)})
    split = plan_split(load_dataset(long_pictures(tmp_path / "strips")), config)
    experiment = run_experiment(split, config, "strips")
    options = experiment.config.options
    assert options["tta_views"] in (1, 4)
    assert options["aspect"] == "square"
    assert experiment.spec.input.shape == (64, 64, 3)
    assert with_usual_look(split, experiment.config, SilentProgress()) == experiment.config
