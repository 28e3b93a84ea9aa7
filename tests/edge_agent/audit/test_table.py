"""The log's verdicts as files that other programs read: every part, whole, by their own readers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet
import pytest

from edge_agent.__main__ import main
from edge_agent.audit.config import AuditTable
from edge_agent.audit.recorder import AuditRecorder
from edge_agent.audit.table import COLUMNS, write_csv
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import StorageError
from tests.edge_agent.contracts.wire.samples import SAMPLES

PARTS = 30


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder whose audit log has parts of two channels each."""
    recorder = AuditRecorder(tmp_path / "audit", AuditTable(), clock=SystemClock())
    recorder.start({"version": "1"})
    for k in range(PARTS):
        update = {"part_id": f'p"{k},\n', "late_fail": None}
        recorder.publish(SAMPLES["verdict"].model_copy(update=update))  # type: ignore[arg-type]
    recorder.close()
    return tmp_path


def test_both_files_have_a_row_for_each_channel(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--csv", str(state / "a.csv"), "--parquet", str(state / "a.parquet")]
    assert main(["history", str(state), *files, "--json"]) == 0
    told = [json.loads(line)["rows"] for line in capsys.readouterr().out.splitlines()]
    assert told == [2 * PARTS, 2 * PARTS]
    with (state / "a.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    table = pyarrow.parquet.read_table(state / "a.parquet")
    assert table.column_names == list(rows[0]) == list(COLUMNS)
    assert [row["part_id"] for row in rows] == table["part_id"].to_pylist()
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["score"], first["interval_low"], first["label"]) == (0.91, None, "blowhole")
    assert table["interval_high"].to_pylist()[1] == 12.5
    assert rows[0]["at"] == "2026-11-30T00:53:20.123456Z"
    assert first["at_ns"] == int(rows[0]["at_ns"])


def test_a_limit_and_a_filter_hold_for_a_file_too(state: Path) -> None:
    path = state / "a.csv"
    assert main(["history", str(state), "--csv", str(path), "--limit", "3"]) == 0
    assert path.read_bytes().count(b"\r\n") == 1 + 2 * 3
    assert main(["history", str(state), "--csv", str(path), "--verdict", "PASS"]) == 0
    assert path.read_bytes().count(b"\r\n") == 1


def test_a_limit_below_one_is_one(state: Path) -> None:
    path = state / "few.csv"
    assert main(["history", str(state), "--csv", str(path), "--limit", "-5"]) == 0
    assert path.read_bytes().count(b"\r\n") == 1 + 2 * 1


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(StorageError, match=r"f/table\.csv"):
        write_csv(tmp_path / "f" / "table.csv", [])


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="absent"):
        write_csv(tmp_path / "absent" / "a.csv", [])
    assert list(tmp_path.iterdir()) == []
