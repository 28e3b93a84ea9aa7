from __future__ import annotations

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


@pytest.mark.parametrize(
    ("seconds", "whole"), [(6.0, False), (4.9, True)], ids=["long", "too short to be cut"]
)
def test_every_speed_that_trains_also_chooses_the_threshold(
    tmp_path: Path, seconds: float, whole: bool
) -> None:
    """A fifth of 6 s lasts a second; of 4.9 s it does not, and whole recordings validate."""
    rows = ["path,label,speed"]
    for speed in (600, 900, 1200):
        for label in ("ok", "worn"):
            for number in range(2):
                name = f"{label}_{speed}_{number}.npz"
                np.savez(tmp_path / name, x=np.zeros(int(100 * seconds), np.float32))
                rows.append(f"{name},{label},{speed}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    (tmp_path / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["ok"]\nlabels = "labels.csv"\ngroup = "speed"\n'
        '[vibration]\nrate_hz = 100\naxes = ["x"]\n'
    )
    split = plan_split(load_dataset(tmp_path), FitConfig(held_out=["600"]))
    assert groups_of(split, split.test) == {"600"}
    for part in (split.train, split.val):
        chosen = [split.dataset.samples[i] for i in part]
        assert {(s.group, s.label) for s in chosen} == {
            (speed, label) for speed in ("900", "1200") for label in ("ok", "worn")
        }
    spans = {split.dataset.samples[i].span for i in split.val}
    assert spans == ({(0.0, 1.0)} if whole else {(0.8, 1.0)})
    paths = [{split.dataset.samples[i].path for i in part} for part in (split.train, split.val)]
    assert (not paths[0] & paths[1]) == whole


def test_defects_never_train_a_detector() -> None:
    samples = [Sample(f"{n}.png", "ok" if n % 2 else "bad") for n in range(40)]
    split = plan_split(dataset_of(samples, task="image-anomaly"), FitConfig())
    bad = split.dataset.is_bad()
    assert not bad[split.train].any()
    assert not bad[split.val].any()
    assert bad[split.test].sum() == 20


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


def test_one_fold_is_too_few() -> None:
    samples = [Sample(f"{n}.png", "ok" if n % 2 else "bad", fold="1") for n in range(8)]
    with pytest.raises(DatasetError, match="fold column 'fold' has one value only, '1'"):
        plan_split(dataset_of(samples, fold="fold"), FitConfig())


def two_folds(first: str, second: str, first_size: int, **config: object) -> Dataset:
    """24 samples of 12 groups, the first `first_size` of which have the fold `first`."""
    samples = [
        Sample(
            f"{n}.png",
            "ok" if n // 2 % 2 else "bad",
            group=f"g{n // 2}",
            fold=first if n < first_size else second,
        )
        for n in range(24)
    ]
    return dataset_of(samples, fold="fold2", group="lot", **config)


@pytest.mark.parametrize(
    ("first", "second", "first_size", "held_out", "why"),
    [
        ("train", "Test_set", 8, "Test_set", "by its name"),
        ("holdout", "rest", 16, "holdout", "by its name"),
        ("train", "val", 8, "val", "by its name"),
        ("learn", "later", 8, "later", "the other one is to train"),
        ("0", "1", 16, "1", "the smaller of two"),
        ("0", "1", 8, "0", "the smaller of two"),
        ("0", "1", 12, "0", "the first of two of one size"),
    ],
)
def test_of_two_folds_the_test_part_is_held_out_and_groups_of_the_other_validate(
    first: str, second: str, first_size: int, held_out: str, why: str
) -> None:
    split = plan_split(two_folds(first, second, first_size), FitConfig())
    assert {split.dataset.samples[i].fold for i in split.test} == {held_out}
    assert len(split.test) == (first_size if held_out == first else 24 - first_size)
    val, train = groups_of(split, split.val), groups_of(split, split.train)
    assert len(val) >= 2
    assert not val & train
    assert f"fold {held_out} held out ({why})" in split.protocol


def test_the_other_of_two_folds_is_held_out_where_it_is_asked_for() -> None:
    split = plan_split(two_folds("train", "test", 12), FitConfig(held_out=["train"]))
    assert {split.dataset.samples[i].fold for i in split.test} == {"train"}
    with pytest.raises(ConfigError, match="has no other values than test, train"):
        plan_split(two_folds("train", "test", 12), FitConfig(held_out=["train", "test"]))


def test_of_good_parts_alone_the_fold_with_the_defects_is_the_test_part() -> None:
    samples = [Sample(f"ok{n}.png", "ok", fold="a" if n < 4 else "b") for n in range(24)]
    samples += [Sample(f"bad{n}.png", "bad", fold="b") for n in range(9)]
    split = plan_split(dataset_of(samples, fold="fold2", task="image-anomaly"), FitConfig())
    assert {split.dataset.samples[i].fold for i in split.test} == {"b"}
    assert "it has all the defects" in split.protocol


def test_the_last_of_three_folds_trains_and_validates_where_two_are_held_out() -> None:
    samples = [
        Sample(f"{n}.png", "ok" if n % 2 else "bad", group=f"g{n // 4}", fold=str(n // 8))
        for n in range(24)
    ]
    dataset = dataset_of(samples, fold="fold", group="lot")
    split = plan_split(dataset, FitConfig(held_out=["0", "1"]))
    assert {split.dataset.samples[i].fold for i in (*split.train, *split.val)} == {"2"}
    assert not groups_of(split, split.val) & groups_of(split, split.train)


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
