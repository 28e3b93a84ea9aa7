"""A model is chosen that fits its station's time."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.model.target_cost import find_cost
from tests.trainer.models.conftest import lively_weights
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import Split, plan_split
from trainer.models.image import local
from trainer.models.image.backbone import JOINED
from trainer.models.image.efficientnet_lite0 import NAME, packaged_weights
from trainer.models.image.weights import user_folder
from trainer.training.api import NoOptions
from trainer.workflow.budget import best, within_budget, worth_comparing
from trainer.workflow.preparation import resolve
from trainer.workflow.variants import Variant

__all__ = ["lively_weights"]

CNN = FitConfig(model="cnn", weights="none")


def variant(name: str, ms: float, merit: float = math.nan, size: int = 96) -> Variant:
    return Variant(CNN, name, size, ms, merit)


def pictures(folder: Path, height: int, width: int) -> Split:
    """Grey noise of that size, sixteen a label."""
    rng = np.random.default_rng(1)
    for label in ("crack", "good"):
        (folder / label).mkdir(parents=True)
        for number in range(16):
            picture = rng.normal(128, 6, (height, width)).astype(np.uint8)
            cv2.imwrite(str(folder / label / f"{number:02d}.png"), picture)
    (folder / "dataset.toml").write_text('task = "image-class"\ngood = ["good"]\n')
    return plan_split(load_dataset(folder), CNN)


@pytest.fixture(scope="module")
def split(plates: Path) -> Split:
    return plan_split(load_dataset(plates), CNN)


def test_the_most_accurate_is_taken_and_of_equals_the_fastest() -> None:
    several = [variant("slow", 30, 0.95), variant("same", 9, 0.945), variant("worse", 5, 0.93)]
    assert best(several, one_sample=1 / 100).name == "same"
    assert best(several, one_sample=1 / 1000).name == "slow"


def test_where_nothing_was_measured_the_largest_input_is_taken() -> None:
    several = [variant("small", 3, size=96), variant("large", 9, size=224)]
    assert best(several, one_sample=1 / 100).name == "large"


def test_few_sizes_of_each_backbone_are_compared_and_of_a_joined_one_what_its_parts_have() -> None:
    backbones = ("mobilenet_v2", NAME, JOINED)
    several = [
        replace(variant(f"{one} {size}", size / 10, size=size), backbone=one)
        for one in backbones
        for size in (64, 96, 128, 160)
    ]
    found = [(one.backbone, one.size) for one in worth_comparing(several, by_fits=False)]
    sizes = [sorted(size for name, size in found if name == one) for one in backbones]
    assert sizes == [[96, 128, 160], [128, 160], [128, 160]]
    slow = [one for one in several if one.backbone != JOINED or one.size < 128]
    assert JOINED not in {one.backbone for one in worth_comparing(slow, by_fits=False)}
    fits = worth_comparing(several, by_fits=True)
    assert [one.size for one in fits if one.backbone != "mobilenet_v2"] == [160, 160]


def test_without_target_and_budget_nothing_is_changed(split: Split) -> None:
    assert within_budget(split, CNN, SilentProgress()) == (CNN, None)


def test_a_tighter_budget_takes_a_smaller_input_that_is_predicted_to_fit(split: Split) -> None:
    sides = []
    for budget_ms in (100.0, 2.5):
        asked = CNN.model_copy(update={"target": "rpi4", "budget_ms": budget_ms})
        config, found = within_budget(split, asked, SilentProgress())
        assert found is not None
        assert found.predicted_ms <= budget_ms
        assert [one.chosen for one in found.points].count(True) == 1
        sides.append(config.image.size_px)
    assert sides[1] < sides[0]


def test_the_budget_of_the_targets_row_counts_where_none_is_given(split: Split) -> None:
    asked = CNN.model_copy(update={"target": "rpi5"})
    found = within_budget(split, asked, SilentProgress())[1]
    assert found is not None
    assert found.budget_ms == find_cost("rpi5").budget_ms


def test_what_bench_measured_on_the_target_counts_and_is_said(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = CNN.model_copy(update={"target": "rpi4", "budget_ms": 1000.0})
    plain = within_budget(split, asked, SilentProgress())[1]
    costs = tmp_path / "costs.json"
    monkeypatch.setenv("LINESIDE_COSTS", str(costs))
    row = {"measured_ms": 3.0, "predicted_ms": 1.0, "model": "m.bundle", "machine": "a board"}
    costs.write_text(json.dumps({"rpi4": row}))
    scaled = within_budget(split, asked, SilentProgress())[1]
    assert plain is not None
    assert scaled is not None
    assert scaled.predicted_ms == pytest.approx(3 * plain.predicted_ms)
    assert scaled.source.startswith("times 3.00 by bench of m.bundle on a board")


def test_a_budget_that_nothing_fits_is_refused_with_the_least_time(split: Split) -> None:
    asked = CNN.model_copy(update={"target": "rpi4", "budget_ms": 0.01})
    fastest = r"fastest cnn \(64 px\) is predicted to take .* ms on rpi4.*give --budget-ms [\d.]+"
    with pytest.raises(ConfigError, match=fastest) as refused:
        within_budget(split, asked, SilentProgress())
    least_ms = float(str(refused.value).split("--budget-ms ")[-1].split()[0])
    enough = asked.model_copy(update={"budget_ms": least_ms})
    config, _ = within_budget(split, enough, SilentProgress())
    assert config.image.size_px == 64


def test_the_refusal_names_what_was_set_and_nothing_else(split: Split) -> None:
    asked = CNN.model_copy(update={"target": "rpi4", "budget_ms": 0.01})
    with pytest.raises(ConfigError) as plain:
        within_budget(split, asked, SilentProgress())
    assert "leave out" not in str(plain.value)
    with pytest.raises(ConfigError, match=r"leave out \[image\] size_px or take a smaller model"):
        within_budget(split, asked.with_image(size_px=96), SilentProgress())


def test_machines_of_a_cluster_do_not_choose_each_for_itself(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers))
    with pytest.raises(ConfigError, match="choose on one machine"):
        within_budget(split, CNN.model_copy(update={"target": "rpi4"}), SilentProgress())


def test_a_vibration_model_that_compares_nothing_takes_the_longest_window(machines: Path) -> None:
    config = FitConfig(model="gru-spectra", target="rpi4", budget_ms=1e6)
    split = plan_split(load_dataset(machines), config)
    chosen, found = within_budget(split, config, SilentProgress())
    assert found is not None
    sizes = sorted((int(one.name.split()[0]) for one in found.points), reverse=True)
    assert sizes == [sizes[0] // 2**halves for halves in range(len(sizes))]
    assert len(sizes) > 1
    assert chosen.vibration.window_samples == sizes[0]
    times = {int(one.name.split()[0]): one.ms for one in found.points}
    assert [times[size] for size in sizes] == sorted(times.values(), reverse=True)
    assert all(one.merit is None for one in found.points)
    assert "views of a window measured" in found.source


def test_the_views_of_a_window_count_against_the_budget(machines: Path) -> None:
    config = FitConfig(target="rpi4", budget_ms=0.3)
    split = plan_split(load_dataset(machines), config)
    with pytest.raises(ConfigError, match=r"fastest conv1d \(\d+ samples, features"):
        within_budget(split, config, SilentProgress())


@pytest.mark.parametrize(("height", "width"), [(248, 100), (100, 1000)], ids=["tall", "wide"])
def test_pictures_that_keep_their_aspect_are_as_long_as_the_variant_says(
    tmp_path: Path, height: int, width: int
) -> None:
    split = pictures(tmp_path / "strips", height, width)
    for budget_ms in (1e6, 100.0):
        asked = FitConfig(model="local", target="rpi4", budget_ms=budget_ms)
        config, found = within_budget(split, asked, SilentProgress())
        assert found is not None
        (name,) = [one.name for one in found.points if one.chosen]
        spec = local.spec_of(split, config, NoOptions())
        assert name == f"{max(spec.shape)} px"
        assert ImageTable.model_validate(config.image.model_dump()) == config.image
        if budget_ms == 1e6:
            assert spec == local.spec_of(split, asked, NoOptions())


def test_auto_takes_the_usual_model_where_one_for_small_defects_must_shrink(
    tmp_path: Path,
) -> None:
    few = pictures(tmp_path / "plates", 96, 96)
    mask = np.zeros((96, 96), np.uint8)
    mask[40:44, 40:44] = 255
    cv2.imwrite(str(few.dataset.root / "mask.png"), mask)
    samples = [
        replace(one, masks=("mask.png",) if one.label == "crack" else ())
        for one in few.dataset.samples
    ]
    split = replace(few, dataset=replace(few.dataset, samples=tuple(samples)))
    asked = FitConfig(target="rpi4", budget_ms=1e6, image=ImageTable(size_px=96))
    config, found = within_budget(split, asked, SilentProgress())
    assert found is not None
    assert resolve(split, config)[0].name == "local"
    tight = asked.model_copy(update={"budget_ms": 0.9 * found.predicted_ms})
    assert within_budget(split, tight, SilentProgress())[0].model == "transfer"


@pytest.mark.slow
@pytest.mark.skipif(packaged_weights() is None, reason="no packaged weights")
def test_backbones_with_weights_are_compared_within_the_budget(
    plates: Path, lively_weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    user_folder().mkdir(parents=True)
    (user_folder() / "mobilenet_v2.weights.h5").symlink_to(lively_weights)
    split, times = plan_split(load_dataset(plates), FitConfig()), []
    for budget_ms in (1e6, 6.0):
        asked = FitConfig(
            model="transfer",
            image=ImageTable(size_px=64),
            target="rpi4",
            budget_ms=budget_ms,
        )
        config, found = within_budget(split, asked, SilentProgress())
        assert found is not None
        assert all(one.ms <= budget_ms and one.merit is not None for one in found.points)
        backbones = {one.backbone for one in found.points}
        (chosen,) = [one for one in found.points if one.chosen]
        assert config.backbone == chosen.backbone
        assert resolve(split, config)[1].backbone == chosen.backbone
        times.append(max(one.ms for one in found.points))
        if budget_ms == 1e6:
            assert backbones == {"mobilenet_v2", NAME, JOINED}
    assert times[1] < times[0]
