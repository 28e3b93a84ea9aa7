from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import DatasetError
from trainer.data.layouts.table_shape import refuse_long_format, refuse_one_hot
from trainer.data.load import load_dataset

PATH = Path("t.csv")


def test_an_export_of_a_historian_is_refused_with_the_names_to_pivot_by(tmp_path: Path) -> None:
    rows = [f"2024-01-01 10:00:{k:02d},{tag},{k}" for k in range(30) for tag in ("T1", "P2")]
    (tmp_path / "export.csv").write_text("\n".join(["timestamp,tag,value", *rows]))
    cure = r"pivot_table\(index='timestamp', columns='tag', values='value'\)"
    with pytest.raises(DatasetError, match=cure):
        load_dataset(tmp_path)


def test_a_table_with_a_row_for_each_sample_is_no_export() -> None:
    cells = np.array(["1", "2"])
    names = ("time", "pressure", "value"), ("time", "tag", "value", "a", "b", "label")
    for columns in names:
        refuse_long_format(PATH, dict.fromkeys(columns, cells))


def one_hot(rows: int = 60) -> dict[str, list[int]]:
    """A feature, and three columns of which one is 1 in turn."""
    return {
        "width": [k * 7 % 11 for k in range(rows)],
        **{name: [int(k % 3 == at) for k in range(rows)] for at, name in enumerate("abc")},
    }


def test_a_one_hot_label_is_refused_until_it_is_one_column(tmp_path: Path) -> None:
    columns = one_hot()
    rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    (tmp_path / "t.csv").write_text("\n".join([",".join(columns), *rows]))
    with pytest.raises(DatasetError, match="one of the last 3 columns is 1 in each row: a, b, c"):
        load_dataset(tmp_path)
    rows = [f"{k * 7 % 11},{'abc'[k % 3]}" for k in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["width,label", *rows]))
    assert load_dataset(tmp_path).counts() == {"a": 20, "b": 20, "c": 20}


def test_flags_that_do_not_exclude_each_other_are_no_one_hot_label() -> None:
    columns = {name: np.array(cells) for name, cells in one_hot().items()}
    with pytest.raises(DatasetError, match="are one label"):
        refuse_one_hot(PATH, columns)
    refuse_one_hot(PATH, {**columns, "c": 1 - columns["c"]})
    refuse_one_hot(PATH, {"a": columns["a"], "b": 1 - columns["a"]})
    refuse_one_hot(PATH, {**columns, "label": np.array(["ok"] * 60)})
