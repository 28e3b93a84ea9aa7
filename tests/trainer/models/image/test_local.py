"""A head of cells on drawn plates with specks: sizes, refusals, what it learns from masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.image.input import ImageInput
from edge_agent.infer.runtime_choice import open_runtime
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import plan_split
from trainer.models.architectures import choose_architecture
from trainer.models.image import local
from trainer.workflow.experiment import prepare_training, run_experiment

CONFIG = FitConfig(weights="none", model="local", image=ImageTable(size_px=128))


@pytest.mark.parametrize(
    ("height", "width", "longest_px", "sides"),
    [
        (366, 900, 0, (352, 896)),
        (160, 160, 0, (224, 224)),
        (960, 1280, 0, (512, 672)),
        (366, 900, 448, (192, 448)),
        (20, 4000, 0, (32, 4096)),
    ],
)
def test_a_picture_keeps_its_aspect(
    height: int, width: int, longest_px: int, sides: tuple[int, int]
) -> None:
    assert local.fitting_sides(height, width, longest_px) == sides


def test_a_score_becomes_the_logit_of_a_defect() -> None:
    peaks = np.concatenate([np.linspace(-9, -1, 40), np.linspace(-3, 5, 20)]).astype(np.float32)
    gain, lift = local.logit_scale(peaks, np.arange(60) >= 40)
    middle = -lift / gain
    assert gain > 0
    assert -3 < middle < -1


def test_scores_that_rank_the_wrong_way_keep_their_order() -> None:
    peaks = np.array([5, 4, 1, 0], np.float32)
    gain, _ = local.logit_scale(peaks, np.array([False, False, True, True]))
    assert gain > 0


def specked(root: Path, side: int = 128, speck: int = 3) -> Path:
    """Plates of eight lots; half of them have a dark speck, whose mask lies in masks/."""
    rng = np.random.default_rng(0)
    rows = ["path,label,lot"]
    for number in range(48):
        label = "speck" if number % 2 else "good"
        plate = rng.normal(170, 6, (side // 2, side, 3))
        mask = np.zeros(plate.shape[:2], np.uint8)
        if label == "speck":
            place = (int(rng.integers(12, side - 12)), int(rng.integers(12, side // 2 - 12)))
            cv2.circle(mask, place, speck, 255, -1)
            plate[mask > 0] = 20
        for folder, picture in ((label, plate), (f"masks/{label}", mask)):
            if folder != "masks/good":
                (root / folder).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(root / folder / f"{number:02d}.png"), np.clip(picture, 0, 255))
        rows.append(f"{label}/{number:02d}.png,{label},{number // 6}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    (root / "dataset.toml").write_text(
        'task = "image-class"\ngood = ["good"]\nlabels = "labels.csv"\ngroup = "lot"\n'
        'exclude = ["masks/**"]\n'
    )
    return root


def test_masks_beside_a_list_are_found_though_they_are_excluded(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path))
    assert len(dataset.samples) == 48
    assert all(bool(one.mask) == (one.label == "speck") for one in dataset.samples)
    assert "24 masks recognised; they are no samples" in dataset.decisions


def test_auto_takes_it_where_masks_mark_small_defects(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path))
    config = FitConfig(weights="imagenet")
    assert choose_architecture(config, dataset).name == "local"
    assert choose_architecture(FitConfig(weights="none"), dataset).name == "cnn"
    bare = replace(dataset, samples=tuple(replace(one, mask="") for one in dataset.samples))
    assert choose_architecture(config, bare).name == "transfer"


def test_auto_with_options_of_transfer_takes_transfer(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path))
    config = FitConfig(weights="imagenet", options={"head": "linear"})
    assert choose_architecture(config, dataset).name == "transfer"


def test_auto_leaves_an_unreadable_mask_to_transfer(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path))
    (tmp_path / next(one.mask for one in dataset.samples if one.mask)).write_bytes(b"no picture")
    assert choose_architecture(FitConfig(weights="imagenet"), dataset).name == "transfer"


def test_auto_leaves_large_defects_to_transfer(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path, speck=9))
    assert choose_architecture(FitConfig(weights="imagenet"), dataset).name == "transfer"


def test_more_than_one_defect_is_refused_with_the_cure(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path))
    first = replace(dataset.samples[1], label="scratch")
    dataset = replace(dataset, samples=(dataset.samples[0], first, *dataset.samples[2:]))
    split = plan_split(dataset, CONFIG)
    with pytest.raises(ConfigError, match=r"tells good from one defect.*take --model transfer"):
        local.spec_of(split, CONFIG, local.ARCHITECTURE.options())


def test_pictures_without_masks_are_refused_with_the_cure(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path))
    bare = replace(dataset, samples=tuple(replace(one, mask="") for one in dataset.samples))
    with pytest.raises(ConfigError, match="no training picture of the defect has a mask"):
        run_experiment(plan_split(bare, CONFIG), CONFIG, "specks")


@pytest.mark.slow
@pytest.mark.usefixtures("small_backbone")
def test_it_finds_specks_in_float_and_in_int8(tmp_path: Path) -> None:
    from benchmarks.int8 import convert_images

    split = plan_split(load_dataset(specked(tmp_path)), CONFIG)
    experiment = run_experiment(split, CONFIG, "specks")
    spec = experiment.spec.input
    assert isinstance(spec, ImageInput)
    assert (spec.height_px, spec.width_px) == (64, 128)
    right = experiment.outcome.predicted == experiment.outcome.truth
    assert right.mean() > 0.9
    runtime = open_runtime(convert_images(experiment.fitted.model, experiment.calibration))
    inputs = experiment.held_out.inputs
    coarse = np.concatenate([runtime.invoke([one[None]])[0] for one in inputs])
    assert (coarse.argmax(axis=1) == experiment.test.outputs.argmax(axis=1)).mean() > 0.9


@pytest.mark.slow
@pytest.mark.usefixtures("small_backbone")
@pytest.mark.parametrize(
    ("lots", "said"), [(True, "cross-fitted heads scored them"), (False, "scored them itself")]
)
def test_it_says_whether_heads_without_a_group_scored(
    tmp_path: Path, lots: bool, said: str
) -> None:
    dataset = load_dataset(specked(tmp_path))
    split = plan_split(dataset, CONFIG)
    training = prepare_training(split, CONFIG, local.ARCHITECTURE, SilentProgress())
    if not lots:
        samples = tuple(replace(one, group="one") for one in dataset.samples)
        training = replace(training, dataset=replace(dataset, samples=samples))
    assert said in " ".join(local.fit(training).notes)
