from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.contracts.image.brightness import standardised
from edge_agent.contracts.image.input import ImageInput
from trainer.evaluation.disturbances import DISTURBANCES, as_prepared, brighter, darker, shifted
from trainer.evaluation.localisation import (
    fitted,
    pixel_auroc,
    region_overlap_figure,
)


def test_disturbances_are_as_large_as_their_names_say() -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[5, 7] = 100
    assert brighter(picture)[5, 7].tolist() == [110, 110, 110]
    assert darker(picture)[5, 7].tolist() == [90, 90, 90]
    assert shifted(picture)[7, 9].tolist() == [100, 100, 100]


@pytest.mark.parametrize("name", DISTURBANCES)
def test_a_disturbed_picture_keeps_its_shape(name: str) -> None:
    for shape in ((16, 24, 3), (16, 24, 1)):
        picture = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
        found = DISTURBANCES[name](picture)
        assert (found.shape, found.dtype) == (shape, np.uint8)
        assert (found != picture).any()


def test_a_network_whose_pictures_are_standardised_hardly_sees_the_light() -> None:
    rows = np.linspace(40, 200, 24, dtype=np.uint8)[:, None, None]
    picture = standardised(np.tile(rows, (1, 24, 3)))
    plain = ImageInput(width_px=24, height_px=24)
    even = plain.model_copy(update={"standardise": True})
    changes = [
        np.abs(as_prepared(brighter(picture), spec).astype(int) - picture).mean()
        for spec in (plain, even)
    ]
    assert changes[1] < 0.3 * changes[0]


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
