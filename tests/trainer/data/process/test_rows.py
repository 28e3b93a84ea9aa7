"""Rows of a process table as samples, which columns are tags, and what the tags hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from trainer.data.dataset_toml import DatasetConfig, TabularColumns, TagBounds
from trainer.data.process.columns import columns_of, feature_names, rows_of, table_of
from trainer.data.process.row_samples import process_dataset
from trainer.data.process.tag_survey import inspect_tags
from trainer.data.samples import Dataset

TABLE = """lot,temp [C],speed,still,state
a,20,100,1,ok
a,21,110,1,bad
b,22,,1,
b,90,130,1,ok
c,20,140,1,bad
c,21,100,1,ok
d,22,150,1,bad
d,23,100,1,ok
"""


def config_of(**columns: object) -> DatasetConfig:
    tabular = TabularColumns.model_validate({"file": "t.csv", "label": "state", **columns})
    return DatasetConfig(task="tabular-class", good=["ok"], group="lot", tabular=tabular)


def read(folder: Path, config: DatasetConfig, table: str = TABLE) -> Dataset:
    (folder / "t.csv").write_text(table)
    return process_dataset(folder, config)


def test_a_row_without_a_label_is_no_sample(tmp_path: Path) -> None:
    dataset = read(tmp_path, config_of())
    assert [one.row for one in dataset.samples] == [0, 1, 3, 4, 5, 6, 7]
    assert dataset.samples[2].path == "t.csv#3"
    assert [one.group for one in dataset.samples][:3] == ["a", "a", "b"]
    assert "1 rows without a label left out" in dataset.decisions


def test_tags_are_what_is_neither_label_nor_group_nor_excluded(tmp_path: Path) -> None:
    config = config_of(exclude=["still"])
    table = table_of(read(tmp_path, config))
    assert feature_names(table, config) == ["temp [C]", "speed"]
    named = config_of(features=["speed", "still"], exclude=["still"])
    assert feature_names(table, named) == ["speed"]


def test_samples_know_their_rows(tmp_path: Path) -> None:
    dataset = read(tmp_path, config_of())
    assert rows_of(dataset, np.array([2, 0])).tolist() == [3, 0]


def test_a_data_set_of_pictures_has_no_columns() -> None:
    config = DatasetConfig(task="image-class", good=["ok"])
    with pytest.raises(ConfigError, match="not process data"):
        columns_of(config)
    with pytest.raises(ConfigError, match="not process data"):
        table_of(Dataset(Path(), config, ()))


def test_a_split_column_with_another_word_is_named_with_its_row(tmp_path: Path) -> None:
    lines = TABLE.splitlines()
    table = "\n".join([f"{lines[0]},split", *(f"{line},tset" for line in lines[1:])])
    with pytest.raises(DatasetError, match="row 1: split 'tset' is not one of"):
        read(tmp_path, config_of(), table)


def test_the_survey_names_constant_tags_and_values_out_of_range(tmp_path: Path) -> None:
    bounds = {"temp [C]": TagBounds(low=0, high=50)}
    notes, faults = inspect_tags(read(tmp_path, config_of(tags=bounds)))
    assert any(note.startswith("temp [C]: 20 to 90") for note in notes), notes
    found = {fault.path: fault.what for fault in faults}
    assert found["t.csv: still"] == "never changes"
    assert found["t.csv: temp [C]"] == "1 values outside 0 to 50 degC"
