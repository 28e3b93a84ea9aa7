from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.contracts.image.brightness import standardised
from edge_agent.contracts.image.input import ImageInput, Region, Tiling
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring
from trainer.console.progress import SilentProgress
from trainer.data.image.network_px import network_px
from trainer.data.load import load_dataset
from trainer.data.prepare import Prepared, prepare
from trainer.data.split import Split
from trainer.evaluation.disturbances import (
    DISTURBANCES,
    brighter,
    darker,
    disturbance_figures,
    shifted,
)
from trainer.evaluation.held_out import HeldOut
from trainer.evaluation.localisation import (
    fitted,
    pixel_auroc,
    region_overlap_figure,
)
from trainer.evaluation.predictions import judge_all
from trainer.training.predict import predict

if TYPE_CHECKING:
    import keras

SIDE_PX = 32


def test_disturbances_are_as_large_as_their_names_say() -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[5, 7] = 100
    assert brighter(picture)[5, 7].tolist() == [110, 110, 110]
    assert darker(picture)[5, 7].tolist() == [90, 90, 90]
    assert shifted(picture)[7, 9].tolist() == [100, 100, 100]
    assert shifted(picture, (3.0, 2.0))[9, 13].tolist() == [100, 100, 100]


@pytest.mark.parametrize("name", DISTURBANCES)
def test_a_disturbed_picture_keeps_its_shape(name: str) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (16, 24, 3), np.uint8)
    found = DISTURBANCES[name](picture, (1.0, 1.0))
    assert (found.shape, found.dtype) == (picture.shape, np.uint8)
    assert (found != picture).any()


def contrast_judge() -> keras.Model:
    """Score: the brightest less the darkest red level of the first four rows."""
    import keras
    from keras import layers

    pixels = keras.Input((SIDE_PX, SIDE_PX, 3))
    top = layers.Cropping2D(((0, SIDE_PX - 4), (0, 0)))(pixels)
    brightest = layers.GlobalMaxPooling2D()(top)
    least = layers.GlobalMaxPooling2D()(layers.Rescaling(-1.0)(top))
    red = layers.Dense(1, use_bias=False)
    network = keras.Model(pixels, red(layers.Add()([brightest, least])))
    red.set_weights([np.array([[1.0], [0.0], [0.0]], np.float32)])
    return network


def flawed_frames(root: Path, bright_rows: int, levels: tuple[int, int, int]) -> HeldOut:
    """Four frames judged by contrast_judge of standardised pictures. levels: of the bright rows, of
    a flaw in them, and of the rest of the frame.
    """
    bright, flaw, rest = levels
    for number, label in enumerate(["ok", "flaw", "flaw", "flaw", "flaw"]):
        frame = np.full((SIDE_PX, SIDE_PX, 3), rest, np.uint8)
        frame[:bright_rows] = bright
        frame[1, 8 : 20 + number] = flaw
        (root / label).mkdir(exist_ok=True)
        cv2.imwrite(str(root / label / f"{number}.png"), frame)
    (root / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["ok"]\n')
    dataset = load_dataset(root)
    test = np.flatnonzero(dataset.is_bad())
    spec = ModelSpec(
        name="contrast",
        task="image-anomaly",
        architecture="contrast",
        labels=["ok"],
        good=["ok"],
        input=ImageInput(width_px=SIDE_PX, height_px=SIDE_PX, standardise=True, most_clipped=0.01),
        scoring=Scoring(kind="anomaly", threshold=3.0),
    )
    network = contrast_judge()
    inputs = prepare(dataset, test, spec.input, SilentProgress(), "frames")
    outputs = predict(network, inputs.inputs)
    judged = judge_all(outputs, inputs, test, spec.scoring, ["ok"], ["ok"])
    return HeldOut(network, spec, Split(dataset, test[:0], test[:0], test, "drawn"), inputs, judged)


@pytest.mark.parametrize(
    ("bright_rows", "levels", "changed"),
    [(5, (110, 120, 20), 0.0), (16, (235, 245, 40), 1.0)],
    ids=["the camera has room for more light", "more light leaves the camera's range"],
)
def test_light_meets_the_frame_before_the_station_evens_levels_out(
    tmp_path: Path, bright_rows: int, levels: tuple[int, int, int], changed: float
) -> None:
    held_out = flawed_frames(tmp_path, bright_rows, levels)
    assert held_out.judged.verdicts == ["FAIL"] * 4
    figures = disturbance_figures(held_out)
    assert figures["brightness +10 %"]["verdicts_changed"] == changed
    assert figures["brightness -10 %"]["verdicts_changed"] == 0.0
    # Brightened after they were prepared, the same pictures give the other truth.
    late = np.stack([standardised(brighter(one), 0.01) for one in held_out.inputs.inputs])
    judged = held_out.judge(Prepared(late, held_out.inputs.sample), held_out.split.test)
    assert np.mean([one != "FAIL" for one in judged.verdicts]) == 1 - changed


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (4.0, 2.0)),
        ({"region": Region(width=0.5)}, (2.0, 2.0)),
        ({"tiles": Tiling(rows=2, columns=2, overlap=0)}, (2.0, 1.0)),
        ({"fit": "crop"}, (2.0, 2.0)),
        ({"fit": "pad"}, (4.0, 4.0)),
    ],
    ids=["stretched", "half the width", "tiles", "cropped", "padded"],
)
def test_a_shift_is_as_large_as_the_network_sees_it(
    changes: dict[str, object], expected: tuple[float, float]
) -> None:
    spec = ImageInput(width_px=32, height_px=32).model_copy(update=changes)
    assert network_px(np.zeros((64, 128, 3), np.uint8), spec) == expected


def test_a_run_says_how_verdicts_change_under_nuisance(plates_run: Path) -> None:
    found = json.loads((plates_run / "metrics.json").read_text())["disturbances"]
    assert found["undisturbed"]["verdicts_changed"] == 0
    assert set(DISTURBANCES) < set(found)
    assert "Light and position" in (plates_run / "report.html").read_text()


def test_a_run_says_what_strange_images_get(plates_run: Path) -> None:
    found = json.loads((plates_run / "metrics.json").read_text())["strange_images"]
    for name in ("white noise", "no part", "another part (drawn)", "out of focus, 4 px"):
        assert found[name]["refused"]["value"] >= 0.9, name
        assert found[name]["passed"] <= found[name]["passed_without_gate"]
    assert found["good held-out parts"]["refused"]["value"] <= 0.25
    assert "white noise" in (plates_run / "report.html").read_text()


def masks_and_maps() -> tuple[list[np.ndarray], list[np.ndarray]]:
    masks = [np.zeros((32, 32), bool) for _ in range(6)]
    for mask in masks[:3]:
        mask[8:14, 8:14] = True
        mask[20:22, 20:22] = True
    return masks, [mask.astype(np.float32) for mask in masks]


def region_overlap(maps: list[NDArray[np.float32]], masks: list[NDArray[np.bool_]]) -> float:
    return region_overlap_figure(maps, masks, [str(number) for number in range(len(maps))]).value


def test_a_perfect_map_scores_one() -> None:
    masks, maps = masks_and_maps()
    assert region_overlap(maps, masks) == pytest.approx(1.0, abs=0.01)
    assert pixel_auroc(maps, masks, list("abcdef")).value == pytest.approx(1.0)


def test_a_map_that_misses_small_defects_loses_half_of_pro_but_little_auroc() -> None:
    masks, maps = masks_and_maps()
    rng = np.random.default_rng(1)
    maps = [heat + rng.uniform(0, 0.5, heat.shape).astype(np.float32) for heat in maps]
    for heat in maps[:3]:
        heat[20:22, 20:22] = 0
    assert region_overlap(maps, masks) == pytest.approx(0.5, abs=0.03)
    assert pixel_auroc(maps, masks, list("abcdef")).value > 0.85


def test_a_random_map_has_chance_area() -> None:
    masks, _ = masks_and_maps()
    rng = np.random.default_rng(2)
    maps = [rng.random((32, 32)).astype(np.float32) for _ in masks]
    assert pixel_auroc(maps, masks, list("abcdef")).value == pytest.approx(0.5, abs=0.1)
    assert region_overlap(maps, masks) == pytest.approx(0.15, abs=0.06)


def test_pro_has_an_interval_over_groups_around_it() -> None:
    masks, maps = masks_and_maps()
    for heat in maps[:1]:
        heat[8:14, 8:14] = 0
    figure = region_overlap_figure(maps, masks, list("abcdef"))
    assert figure.value == pytest.approx(region_overlap(maps, masks))
    assert figure.ci95[0] < figure.value < figure.ci95[1] <= 1.0
    assert "6 groups" in figure.interval
    certain = region_overlap_figure([mask.astype(np.float32) for mask in masks], masks, "abcdef")
    assert certain.ci95 == pytest.approx((1.0, 1.0))


def test_pro_without_a_defect_is_no_number() -> None:
    nothing = [np.zeros((8, 8), bool)] * 6
    maps = [np.ones((8, 8), np.float32)] * 6
    assert np.isnan(region_overlap(maps, nothing))


def test_a_small_map_grows_to_the_mask() -> None:
    assert fitted(np.eye(4, dtype=np.float32), (16, 24)).shape == (16, 24)
