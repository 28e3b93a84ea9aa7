from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.process.tables import Table, read_table
from trainer.data.dataset_toml import TabularColumns
from trainer.data.process.target_leakage import PERFECT, find_leaks, refuse_leaks

ROWS = 400


@pytest.fixture
def bad() -> np.ndarray:
    return np.random.default_rng(1).random(ROWS) < 0.2


def table_of(folder: Path, **columns: np.ndarray) -> Table:
    lines = [",".join(columns)]
    lines += [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return read_table(path)


def why(folder: Path, column: np.ndarray, bad: np.ndarray) -> str:
    labels = np.where(bad, "fault", "good")
    leaks = find_leaks(table_of(folder, x=column), ["x"], labels, None)
    return leaks[0].why if leaks else ""


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shift", [3.0, 6.0, 9.0])
def test_a_column_is_refused_where_sklearn_sees_it_rank_the_labels(
    tmp_path: Path, bad: np.ndarray, shift: float, sign: int
) -> None:
    column = sign * np.round(np.random.default_rng(2).normal(size=ROWS) + shift * bad, 2)
    area = roc_auc_score(bad, column)
    area = max(area, 1 - area)
    said = why(tmp_path, column, bad)
    assert said == (f"alone ranks the labels with AUROC {area:.4f}" if area >= PERFECT else "")


def test_an_honest_sensor_stays(tmp_path: Path, bad: np.ndarray) -> None:
    assert why(tmp_path, np.random.default_rng(3).normal(size=ROWS) + bad, bad) == ""


def test_a_flag_that_was_set_after_the_fact_is_named(tmp_path: Path, bad: np.ndarray) -> None:
    said = why(tmp_path, bad.astype(int), bad)
    assert said.startswith("= 1 always goes with label fault") or said.startswith("= 0 always goes")


def test_a_counter_of_rows_is_named(tmp_path: Path, bad: np.ndarray) -> None:
    assert why(tmp_path, np.arange(ROWS), bad) == "counts the rows"


@pytest.mark.parametrize(
    "column",
    [1.77e9 + np.arange(ROWS) * 38.2, 50 - np.arange(ROWS) / 8, np.arange(ROWS) * 2],
    ids=["epoch", "falling", "even-numbers"],
)
def test_a_number_that_goes_one_way_is_named(
    tmp_path: Path, bad: np.ndarray, column: np.ndarray
) -> None:
    assert why(tmp_path, column, bad) == "goes one way in every row, as a time or a counter does"


@pytest.mark.parametrize("shape", ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y", "%m/%d/%Y %H:%M", "%H:%M:%S"])
def test_dates_are_named_though_they_are_few(bad: np.ndarray, shape: str) -> None:
    begin = datetime(2026, 3, 2, 6, tzinfo=UTC)
    moments = [begin + timedelta(days=n // 100, hours=n % 5) for n in range(ROWS)]
    table = Table({"x": np.array([moment.strftime(shape) for moment in moments])})
    (leak,) = find_leaks(table, ["x"], np.where(bad, "fault", "good"), None)
    assert leak.why == "holds dates or times, which never come again"


def test_article_numbers_are_no_dates(tmp_path: Path, bad: np.ndarray) -> None:
    column = np.random.default_rng(5).choice(["12-14-16", "2026-A", "1:250"], ROWS)
    assert why(tmp_path, column, bad) == ""


def test_a_trusted_column_stays_and_the_others_are_named(tmp_path: Path, bad: np.ndarray) -> None:
    table = table_of(tmp_path, flag=bad.astype(int), code=bad.astype(int))
    labels = np.where(bad, "fault", "good")
    with pytest.raises(DatasetError, match="column 'code'") as caught:
        refuse_leaks(
            table,
            ["flag", "code"],
            labels,
            None,
            TabularColumns(file="line.csv", label="state", trusted=["flag"]),
            "line.csv",
        )
    assert "'flag'" not in str(caught.value)
    assert "add them to exclude in [tabular]" in str(caught.value)
