"""A head of cells on drawn plates with specks: sizes, refusals, what it learns from masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError, InputError
from edge_agent.contracts.image.input import ImageInput
from edge_agent.infer.runtime_choice import open_runtime
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset
from trainer.data.split import plan_split
from trainer.models.architectures import choose_architecture
from trainer.models.image import local
from trainer.models.image.aspect import fitting_sides
from trainer.workflow.experiment import run_experiment
from trainer.workflow.preparation import prepare_training

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
    found = fitting_sides(
        height, width, longest_px, least_side=local.LEAST_SIDE, most_px=local.MOST_PX
    )
    assert found == sides


def test_pictures_that_memory_cannot_hold_are_refused_with_a_size_that_it_can() -> None:
    eight_gb = 8 << 30
    with pytest.raises(ConfigError, match="21 GB of memory, this computer has 8") as refused:
        local.refuse_memory(5000, (512, 672), eight_gb)
    side = int(str(refused.value).split("size_px to ")[1].split()[0])
    local.refuse_memory(5000, (side * 512 // 672, side), eight_gb)
    local.refuse_memory(1500, (512, 672), eight_gb)


def test_the_last_regression_trusts_the_score_that_tells() -> None:
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1, 2], 40)
    useless = rng.normal(0, 1, (120, 3))
    peaks = np.stack([(targets == 1) * 4.0, (targets == 2) * 0.04], axis=1)
    peaks += rng.normal(0, [1.0, 0.01], (120, 2))
    scores = np.concatenate([useless, peaks], axis=1).astype(np.float32)
    logits = local.stacked(scores, targets, labels=3).logits(scores)
    assert (logits.argmax(axis=1) == targets).mean() > 0.9


def test_a_label_that_was_never_seen_is_never_the_answer() -> None:
    scores = np.linspace(-3, 3, 40, dtype=np.float32)[:, None]
    targets = np.where(scores[:, 0] > 0, 2, 0)
    logits = local.stacked(scores, targets, labels=3).logits(scores)
    assert set(logits.argmax(axis=1)) == {0, 2}


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
    assert all(bool(one.masks) == (one.label == "speck") for one in dataset.samples)
    assert "24 masks recognised; they are no samples" in dataset.decisions


def test_auto_takes_it_where_masks_mark_small_defects(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path))
    config = FitConfig(weights="imagenet")
    assert choose_architecture(config, dataset).name == "local"
    assert choose_architecture(FitConfig(weights="none"), dataset).name == "cnn"


def bare(dataset: Dataset) -> Dataset:
    """The same without masks."""
    return replace(dataset, samples=tuple(replace(one, masks=()) for one in dataset.samples))


@pytest.mark.parametrize("width", [0.5, 0.89], ids=["a square", "a camera's 16:9"])
def test_auto_takes_it_for_strips_without_masks_alone(width: float, tmp_path: Path) -> None:
    config = FitConfig(weights="imagenet")
    long = bare(load_dataset(specked(tmp_path)))
    assert choose_architecture(config, long).name == "local"
    table = config.image.model_copy(update={"region": [0.0, 0.0, width, 1.0]})
    shorter = config.model_copy(update={"image": table})
    assert choose_architecture(shorter, long).name == "transfer"


def test_auto_with_options_of_transfer_takes_transfer(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path))
    config = FitConfig(weights="imagenet", options={"layers": "upper"})
    assert choose_architecture(config, dataset).name == "transfer"


def test_auto_passes_over_no_unreadable_mask(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path))
    (tmp_path / next(one.masks[0] for one in dataset.samples if one.masks)).write_bytes(b"no mask")
    with pytest.raises(InputError, match=r"masks/speck/01\.png: not a readable image"):
        choose_architecture(FitConfig(weights="imagenet"), dataset)


def test_auto_leaves_large_defects_to_transfer(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path, speck=9))
    assert choose_architecture(FitConfig(weights="imagenet"), dataset).name == "transfer"


def test_a_set_without_a_good_label_is_refused_with_the_cure(tmp_path: Path) -> None:
    dataset = load_dataset(specked(tmp_path))
    table = dataset.config.model_copy(update={"good": []})
    split = plan_split(replace(dataset, config=table), CONFIG)
    with pytest.raises(ConfigError, match=r"tells one good label from.*take --model transfer"):
        local.spec_of(split, CONFIG, local.ARCHITECTURE.options())


@pytest.mark.slow
@pytest.mark.usefixtures("small_backbone")
@pytest.mark.parametrize("masks", [True, False])
def test_it_finds_specks_in_float_and_in_int8(tmp_path: Path, masks: bool) -> None:
    from benchmarks.int8 import convert_images

    dataset = load_dataset(specked(tmp_path))
    split = plan_split(dataset if masks else bare(dataset), CONFIG)
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
    ("lots", "said"), [(True, "cross-fitted heads scored them"), (False, "scored them themselves")]
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
