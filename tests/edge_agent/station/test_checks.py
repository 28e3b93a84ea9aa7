"""What `check` says of the state folder and of a station without a broker, or with a dead one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.brokers import free_port
from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.station.checks import check_gates, check_station
from edge_agent.station.config import read_config
from tests.station_kit import write_station

FOLDER = 'driver = "folder"\npath = "frames"'


def results(path: Path) -> dict[str, CheckResult]:
    found = check_station(read_config(path), SystemClock(), items=1)
    return {result.what: result for result in found}


def test_a_station_without_a_broker_warns_and_its_folder_is_written_to(bench: Path) -> None:
    found = results(write_station(bench, FOLDER))
    assert (found["broker"].grade, found["state folder"].grade) == ("WARN", "OK")
    assert "a durable write takes" in found["state folder"].detail
    assert not list((bench / "state").glob(".check*"))
    assert {result.grade for result in found.values()} <= {"OK", "WARN"}


def test_a_disk_smaller_than_the_quota_and_a_broker_that_is_away_are_results(bench: Path) -> None:
    port = free_port()
    tables = {
        "outbox": "quota_mb = 1000000",
        "mqtt": f'host = "127.0.0.1"\nport = {port}',
    }
    found = results(write_station(bench, FOLDER, **tables))
    disk, broker = found["state folder"], found["broker reachable"]
    assert (disk.grade, broker.grade) == ("FAIL", "FAIL")
    assert "MB are needed" in disk.detail
    assert disk.cure.startswith("free ")
    assert f"127.0.0.1:{port}" in broker.detail


def test_a_state_folder_that_is_a_file_is_a_result(bench: Path) -> None:
    path = write_station(bench, FOLDER, station='state_dir = "taken"')
    (bench / "taken").write_bytes(b"not a folder")
    assert results(path)["state folder"].grade == "FAIL"


@pytest.mark.parametrize(("deadline_ms", "expected"), [(220, "OK"), (240, "WARN")])
def test_verdict_that_comes_after_its_part_is_warned_of(
    tmp_path: Path, deadline_ms: int, expected: str
) -> None:
    belt = Path(__file__).parents[3] / "docs" / "belt.toml"
    path = tmp_path / "station.toml"
    path.write_text(belt.read_text().replace("deadline_ms = 220", f"deadline_ms = {deadline_ms}"))
    (result,) = check_gates(read_config(path))
    assert (result.what, result.grade) == ("output belt", expected)
