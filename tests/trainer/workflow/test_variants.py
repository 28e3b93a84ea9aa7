"""The ways to configure a model, each with the time that is predicted for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.trainer.models.conftest import small_backbone
from tests.trainer.workflow.test_budget import pictures
from trainer.config.fit import FitConfig, ImageTable
from trainer.models.image import auto_anomaly, transfer
from trainer.workflow.variants import variants_of

__all__ = ["small_backbone"]


@pytest.mark.parametrize(("side", "largest"), [(600, 512), (400, 320)], ids=["fine", "coarse"])
def test_a_detector_of_fine_pictures_may_be_larger_than_its_usual_size(
    tmp_path: Path, side: int, largest: int
) -> None:
    split = pictures(tmp_path / "plates", side, side + 100)
    task = split.dataset.config.model_copy(update={"task": "image-anomaly"})
    split = replace(split, dataset=replace(split.dataset, config=task))
    config = FitConfig(model="auto-anomaly", weights="efficientnet_lite0", target="x86")
    variants = list(variants_of(split, config, auto_anomaly.ARCHITECTURE, "x86"))
    assert max(one.size for one in variants) == largest
    assert variants[0].size == 320, "the own size is the first"
    times = {one.size: one.ms for one in variants}
    assert times[largest] == max(times.values())
    sized = {one.size: one.config.image.size_px for one in variants}
    assert sized[largest] == largest


def test_a_detector_of_long_pictures_is_long_at_every_size(tmp_path: Path) -> None:
    split = pictures(tmp_path / "plates", 100, 300)
    task = split.dataset.config.model_copy(update={"task": "image-anomaly"})
    split = replace(split, dataset=replace(split.dataset, config=task))
    config = FitConfig(model="auto-anomaly", weights="efficientnet_lite0", target="x86")
    variants = list(variants_of(split, config, auto_anomaly.ARCHITECTURE, "x86"))
    assert variants[0].size == 544
    for one in variants:
        options = auto_anomaly.AutoAnomalyOptions.model_validate(one.config.options)
        spec = auto_anomaly.spec_of(split, one.config, options)
        assert max(spec.shape) == one.size
        assert min(spec.shape[:2]) <= one.size / 2
    assert all(one.ms <= variants[0].ms for one in variants)


@pytest.mark.usefixtures("small_backbone")
def test_one_view_may_be_larger_than_four_as_without_a_budget(tmp_path: Path) -> None:
    split = pictures(tmp_path / "plates", 96, 96)
    config = FitConfig(model="transfer", weights="none", target="x86")
    several = list(variants_of(split, config, transfer.ARCHITECTURE, "x86"))
    largest = {
        views: max(one.size for one in several if one.config.options["tta_views"] == views)
        for views in (1, 4)
    }
    assert largest == {1: 320, 4: 224}
    assert (several[0].size, several[0].backbone) == (224, "")


@pytest.mark.usefixtures("small_backbone")
def test_what_is_set_stays(tmp_path: Path) -> None:
    split = pictures(tmp_path / "plates", 96, 96)
    config = FitConfig(
        model="transfer",
        weights="none",
        image=ImageTable(size_px=96),
        options={"looks": 1, "layers": "upper"},
    )
    (one,) = variants_of(split, config, transfer.ARCHITECTURE, "x86")
    assert one.size == 96
    assert one.config.options == {"tta_views": 1, "layers": "upper"}
