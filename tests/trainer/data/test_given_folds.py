from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from trainer.config.fit import FitConfig
from trainer.data.dataset_toml import DatasetConfig
from trainer.data.given_folds import choose_folds, natural
from trainer.data.samples import Dataset, Sample
from trainer.data.split import Split, plan_split


def dataset_of(samples: list[Sample], **config: object) -> Dataset:
    plan = {"task": "image-class", "good": ["ok"], **config}
    return Dataset(Path("/nowhere"), DatasetConfig.model_validate(plan), tuple(samples))


def groups_of(split: Split, indices: object) -> set[str]:
    groups = split.dataset.groups()
    return {groups[int(index)] for index in indices}  # type: ignore[attr-defined]


def test_one_fold_is_too_few() -> None:
    samples = [Sample(f"{n}.png", "ok" if n % 2 else "bad", fold="1") for n in range(8)]
    with pytest.raises(DatasetError, match="fold column 'fold' has one value only, '1'"):
        choose_folds(dataset_of(samples, fold="fold"), [])


def test_folds_sort_as_people_count() -> None:
    assert sorted(["b", "10", "2", "a"], key=natural) == ["2", "10", "a", "b"]


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
