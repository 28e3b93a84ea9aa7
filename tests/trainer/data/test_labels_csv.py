"""labels.csv: what is read, and what is refused with its row."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import DatasetError
from trainer.data.dataset_toml import DatasetConfig
from trainer.data.labels_csv import read_labels, read_table_here, with_folder_splits

CONFIG = DatasetConfig(task="image-class", good=["ok"], labels="labels.csv", group="lot")


def written(folder: Path, text: str) -> Path:
    (folder / "labels.csv").write_text(text)
    return folder


def test_paths_of_every_program_become_one_form(tmp_path: Path) -> None:
    rows = f"./a/1.png,ok,x\nb\\2.png,ok,x\n{tmp_path}/c/3.png,bad,y\n"
    samples = read_labels(written(tmp_path, f"path,label,lot\n{rows}"), CONFIG)
    assert [one.path for one in samples] == ["a/1.png", "b/2.png", "c/3.png"]
    assert [one.group for one in samples] == ["x", "x", "y"]


def test_conditions_are_all_other_columns(tmp_path: Path) -> None:
    table = "path,label,lot,load_kw\n1.png,ok,x,4\n"
    (sample,) = read_labels(written(tmp_path, table), CONFIG)
    assert dict(sample.conditions) == {"lot": "x", "load_kw": "4"}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("path,label,lto\n1.png,ok,x\n", "has no column 'lot': did you mean 'lto'"),
        ("path,label,lot\n1.png,,x\n", "row 2: path or label is empty"),
        ("path,label,lot\n1.png,ok,x\n1.png,ok,x\n", "1.png is listed twice"),
        ("path,label,lot\n1.png,ok,x\n2.png,OK,x\n", "differ only in upper and lower case"),
        ("path,label,lot\n.,ok,x\n", "row 2: '.' is the folder of the data set, no file"),
        ("path,label,lot,mask\n1.png,ok,x,./\n", "row 2: './' is the folder of the data set"),
        ("path,label,lot,split\n1.png,ok,x,tset\n", "'tset' is not one of train, val, test"),
        ("path,label,lot,rate_hz\n1.png,ok,x,fast\n", "rate_hz 'fast' is no rate"),
        ("path,label,lot,rate_hz\n1.png,ok,x,-5\n", "rate_hz '-5' is no rate"),
        ("path,label,lot,rate_hz\n1.png,ok,x,2_000\n", "rate_hz '2_000' is no rate"),
        ("path,label,lot,rate_hz\n1.png,ok,x,１２\n", "rate_hz '１２' is no rate"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_labels(written(tmp_path, table), CONFIG)
    assert message in str(caught.value)


def test_a_table_that_is_missing_is_a_fault_of_the_data_set(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        read_table_here(tmp_path / "none.csv")


PATHS = "Train/1.png,ok,x\nTrain/2.png,bad,y\nTest/1.png,ok,x\n"


def test_the_first_folders_of_listed_paths_are_the_given_split(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"group": None})
    samples = read_labels(written(tmp_path, "path,label,lot\n" + PATHS), config)
    given, said = with_folder_splits(samples, config)
    assert [one.split for one in given] == ["train", "train", "test"]
    assert said == ("no column 'split': the first folder of each path is the given split",)


@pytest.mark.parametrize(
    ("group", "further", "why"),
    [("lot", "", "since the split goes by 'lot'"), (None, "2.png,ok,x\n", "since 1 do not")],
)
def test_a_split_that_folders_name_and_that_is_not_taken_is_told(
    tmp_path: Path, group: str | None, further: str, why: str
) -> None:
    config = CONFIG.model_copy(update={"group": group})
    samples = read_labels(written(tmp_path, f"path,label,lot\n{PATHS}{further}"), config)
    given, said = with_folder_splits(samples, config)
    assert {one.split for one in given} == {""}
    assert why in said[0]


def test_a_column_of_the_split_overrules_the_folders(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"group": None})
    table = "path,label,split\ntrain/1.png,ok,test\ntest/1.png,ok,train\n"
    given, said = with_folder_splits(read_labels(written(tmp_path, table), config), config)
    assert [one.split for one in given] == ["test", "train"]
    assert said == ()
