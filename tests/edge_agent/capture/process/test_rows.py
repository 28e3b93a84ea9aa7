"""Recorded process data as a source of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edge_agent.capture.process.rows import RowReplay, RowsTable
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import ProcessRow, Unreadable
from tests.station_kit import take_all


def replay(path: Path, clock: ManualClock | None = None, **keys: object) -> RowReplay:
    config = RowsTable.model_validate({"driver": "rows", "path": path, **keys})
    return RowReplay(config, name="mill", clock=clock or ManualClock())


def test_rows_come_in_order_with_their_numbers_as_text(tmp_path: Path) -> None:
    (tmp_path / "shift.csv").write_text("torque [Nm];kind\n20,5;L\n;M\n")
    source = replay(tmp_path / "shift.csv")
    source.open()
    first, second = take_all(source.next, 10.0)
    assert isinstance(first, ProcessRow)
    assert isinstance(second, ProcessRow)
    assert first.tags == {"torque [Nm]": "20.5", "kind": "L"}
    assert second.tags == {"torque [Nm]": "", "kind": "M"}
    assert [first.part_id, second.part_id] == ["shift.csv#0", "shift.csv#1"]


def test_a_missing_number_of_a_parquet_file_is_none(tmp_path: Path) -> None:
    pq.write_table(pa.table({"speed [rpm]": [1200.0, np.nan]}), tmp_path / "shift.parquet")
    source = replay(tmp_path, format="parquet")
    source.open()
    assert [item.tags for item in take_all(source.next, 10.0) if isinstance(item, ProcessRow)] == [
        {"speed [rpm]": 1200.0},
        {"speed [rpm]": None},
    ]


def test_a_new_file_and_a_broken_one_leave_a_hole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("part,x\np1,1\np2,2\n")
    (tmp_path / "b.csv").write_text("part,x\np3\n")
    (tmp_path / "c.csv").write_text("part,x\np4,4\n")
    source = replay(tmp_path, part_column="part")
    source.open()
    items = take_all(source.next, 10.0)
    assert [item.part_id for item in items] == ["p1", "p2", "b.csv", "p4"]
    rows = [item.seq for item in items if isinstance(item, ProcessRow)]
    assert rows[1] == rows[0] + 1
    assert rows[2] > rows[1] + 1
    assert isinstance(items[2], Unreadable)
    assert "line 2 has 1 cells, the header 2" in items[2].reason


def test_a_part_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    source = replay(tmp_path / "a.csv", part_column="part")
    source.open()
    (item,) = take_all(source.next, 10.0)
    assert isinstance(item, Unreadable)
    assert "no column 'part'" in item.reason


def test_the_first_table_is_read_when_the_source_is_opened(tmp_path: Path) -> None:
    """Many rows take a second of Python: not while other channels judge."""
    path = tmp_path / "shift.csv"
    path.write_text("x\n1\n2\n")
    source = replay(path)
    source.open()
    path.unlink()
    assert [item.seq for item in take_all(source.next, 10.0)] == [0, 1]


def test_rows_are_paced(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n2\n3\n")
    clock = ManualClock()
    source = replay(tmp_path / "a.csv", clock, rate_hz=2)
    source.open()
    assert source.live
    items = take_all(source.next, 10.0)
    assert [item.mono_ns for item in items] == [0, 500_000_000, 1_000_000_000]


def test_an_empty_folder_is_an_absent_device(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"no table .*\.csv"):
        replay(tmp_path).open()


def test_a_table_without_rows_opens_and_ends_at_once(tmp_path: Path) -> None:
    pq.write_table(pa.table({"speed [rpm]": pa.array([], pa.float64())}), tmp_path / "a.parquet")
    source = replay(tmp_path)
    source.open()
    assert take_all(source.next, 10.0) == []
