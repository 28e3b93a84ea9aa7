from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from trainer.config.fit import FitConfig
from trainer.data.dataset_toml import DatasetConfig
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset, Sample
from trainer.data.split import Split, plan_split


def dataset_of(samples: list[Sample], **config: object) -> Dataset:
    plan = {"task": "image-class", "good": ["ok"], **config}
    return Dataset(Path("/nowhere"), DatasetConfig.model_validate(plan), tuple(samples))


def groups_of(split: Split, indices: np.ndarray) -> set[str]:
    groups = split.dataset.groups()
    return {groups[int(index)] for index in indices}


def test_no_group_straddles_and_every_sample_is_used(plates: Path) -> None:
    split = plan_split(load_dataset(plates), FitConfig())
    train, val, test = (groups_of(split, part) for part in (split.train, split.val, split.test))
    assert not train & val
    assert not train & test
    assert not val & test
    assert len(split.train) + len(split.val) + len(split.test) == 60


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=8, max_size=24),
    seed=st.integers(0, 99),
    fraction=st.floats(0.1, 0.35),
)
def test_groups_of_any_size_stay_whole(sizes: list[int], seed: int, fraction: float) -> None:
    samples = [
        Sample(f"{group}/{n}.png", "ok" if group % 2 else "bad", group=f"g{group}")
        for group, size in enumerate(sizes)
        for n in range(size)
    ]
    config = FitConfig(seed=seed, test_fraction=fraction)
    split = plan_split(dataset_of(samples, group="lot"), config)
    parts = [groups_of(split, part) for part in (split.train, split.val, split.test)]
    assert sum(len(part) for part in parts) == len(sizes)
    assert set(split.names()) == {"train", "val", "test"}


def test_fold_0_is_held_out_and_fold_1_validates() -> None:
    samples = [Sample(f"{n}.png", "ok" if n % 2 else "bad", fold=str(n // 4)) for n in range(20)]
    split = plan_split(dataset_of(samples, fold="fold"), FitConfig())
    assert {split.dataset.samples[i].fold for i in split.test} == {"0"}
    assert {split.dataset.samples[i].fold for i in split.val} == {"1"}
    assert len(split.train) == 12


def test_another_fold_can_be_held_out_and_the_next_validates() -> None:
    samples = [Sample(f"{n}.png", "ok" if n % 2 else "bad", fold=str(n // 4)) for n in range(20)]
    split = plan_split(dataset_of(samples, fold="fold"), FitConfig(held_out=["4"]))
    assert {split.dataset.samples[i].fold for i in split.test} == {"4"}
    assert {split.dataset.samples[i].fold for i in split.val} == {"0"}


def test_a_given_split_stands_and_validation_comes_out_of_training() -> None:
    samples = [
        Sample(f"{n}.png", "ok" if n % 2 else "bad", split="test" if n > 15 else "train")
        for n in range(20)
    ]
    split = plan_split(dataset_of(samples), FitConfig())
    assert list(split.test) == [16, 17, 18, 19]
    assert 2 <= len(split.val) <= 4


def test_a_label_of_one_group_is_split_by_time_and_that_is_said(machines: Path) -> None:
    split = plan_split(load_dataset(machines), FitConfig())
    healthy = {
        name: sample.span
        for sample, name in zip(split.dataset.samples, split.names(), strict=True)
        if sample.label == "healthy"
    }
    assert set(healthy) == {"train", "val", "test"}
    assert healthy["train"][1] < healthy["val"][0] < healthy["val"][1] < healthy["test"][0]
    assert "healthy split by time" in split.protocol
    assert any("too few groups" in said for said in split.dataset.decisions)


def test_a_held_out_value_is_the_whole_test_split(machines: Path) -> None:
    dataset = load_dataset(machines, group="load")
    split = plan_split(dataset, FitConfig(held_out=["2"]))
    knocks = [s for s in (split.dataset.samples[i] for i in split.test) if s.label == "knock"]
    assert {sample.group for sample in knocks} == {"2"}
    assert len(knocks) == 4
    assert "2" not in {split.dataset.samples[i].group for i in (*split.train, *split.val)}
    assert split.protocol.startswith("load 2 held out; healthy split by time; ")


def test_defects_never_train_a_detector() -> None:
    samples = [Sample(f"{n}.png", "ok" if n % 2 else "bad") for n in range(40)]
    split = plan_split(dataset_of(samples, task="image-anomaly"), FitConfig())
    bad = split.dataset.is_bad()
    assert not bad[split.train].any()
    assert not bad[split.val].any()
    assert bad[split.test].sum() == 20


def item_with_a_defect(fold_of_bad: str, fold_of_good: str) -> Dataset:
    """12 good items seen twice in three folds, the first of them once more with a defect."""
    samples = [
        Sample(f"ok{n}.png", "ok", group=f"i{n // 2}", fold=str(n // 2 % 3)) for n in range(24)
    ]
    samples[1] = replace(samples[1], fold=fold_of_good)
    samples.append(Sample("bad.png", "bad", group="i0", fold=fold_of_bad))
    return dataset_of(samples, fold="fold", group="item", task="image-anomaly")


@pytest.mark.parametrize("fold", ["0", "1", "2"])
def test_the_defect_of_an_item_is_held_out_wherever_its_good_pictures_are(fold: str) -> None:
    split = plan_split(item_with_a_defect(fold, "0"), FitConfig(held_out=["1"]))
    held = [split.dataset.samples[i] for i in split.test]
    assert [one.path for one in held if one.label == "bad"] == ["bad.png"]
    assert {one.fold for one in held if one.label == "ok"} == {"1"}
    assert "1 of 1 held-out defects are of groups whose good samples train" in split.protocol


def test_the_good_pictures_of_an_item_are_on_one_side() -> None:
    with pytest.raises(DatasetError, match=r"group 'i0' lies on both sides .* correct the fold"):
        plan_split(item_with_a_defect("0", "1"), FitConfig())


def test_a_fold_column_that_cuts_a_group_is_refused_for_a_classifier() -> None:
    samples = [
        Sample(f"{n}.png", "ok" if n % 2 else "bad", group=f"g{n // 4}", fold=str(n % 3))
        for n in range(24)
    ]
    with pytest.raises(DatasetError, match="lies on both sides of the split by 'fold'"):
        plan_split(dataset_of(samples, fold="fold", group="lot"), FitConfig())


def test_the_two_defects_of_a_detector_stay_two() -> None:
    samples = [Sample(f"ok{n}.wav", "ok") for n in range(6)]
    samples += [Sample(f"bad{n}.wav", "bad") for n in range(2)]
    vibration = {"axes": ["0"], "unit": "g"}
    dataset = dataset_of(samples, task="vibration-anomaly", vibration=vibration)
    split = plan_split(dataset, FitConfig())
    held = [split.dataset.samples[i] for i in split.test]
    assert [sample.span for sample in held if sample.label == "bad"] == [(0.0, 1.0)] * 2
    assert "split by time" not in split.protocol


def test_a_defect_of_one_group_is_judged_whole() -> None:
    samples = [Sample(f"ok{n}.wav", "ok", group=f"m{n // 2}") for n in range(8)]
    samples += [Sample("bad.wav", "bad", group="m9")]
    vibration = {"axes": ["0"], "unit": "g"}
    dataset = dataset_of(samples, task="vibration-anomaly", vibration=vibration, group="machine")
    split = plan_split(dataset, FitConfig(held_out=["m1"]))
    assert [s.span for s in split.dataset.samples if s.label == "bad"] == [(0.0, 1.0)]
    assert {split.dataset.samples[i].path for i in split.test} == {"ok2.wav", "ok3.wav", "bad.wav"}


def test_an_unknown_held_out_value_is_refused(machines: Path) -> None:
    with pytest.raises(ConfigError, match="load has no value '7': known are 0, 1, 2"):
        plan_split(load_dataset(machines, group="load"), FitConfig(held_out=["7"]))


def test_held_out_needs_a_column(images) -> None:  # type: ignore[no-untyped-def]
    dataset = load_dataset(images({"ok": 4, "bad": 4}))
    with pytest.raises(ConfigError, match="--held-out without a group or fold column"):
        plan_split(dataset, FitConfig(held_out=["3"]))


def test_a_label_that_only_the_test_fold_has_is_refused() -> None:
    samples = [
        Sample(f"{n}.png", "rare" if n < 2 else "ok" if n % 2 else "bad", fold=str(n // 4))
        for n in range(20)
    ]
    with pytest.raises(DatasetError, match="label 'rare' has no training sample"):
        plan_split(dataset_of(samples, fold="fold"), FitConfig())


def test_one_sample_cannot_be_split() -> None:
    with pytest.raises(DatasetError, match="no sample is left for"):
        plan_split(dataset_of([Sample("a.png", "ok"), Sample("b.png", "bad")]), FitConfig())
