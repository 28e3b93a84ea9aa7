"""The figures of the station's memory come out of a smoke run."""

from __future__ import annotations

import json

import pytest

from benchmarks import station


def test_audit_finds_every_mutation(capsys: pytest.CaptureFixture[str]) -> None:
    station.main(["--only", "audit", "--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["audit mutations not found"]["value"] == 0


def test_killed_station_at_the_belt_lets_no_bad_part_through(
    capsys: pytest.CaptureFixture[str],
) -> None:
    station.main(["--only", "belt", "--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["belt bad parts accepted"]["value"] == 0
    assert rows["belt bad parts accepted"]["n"] > 5
    assert rows["belt kills survived"]["value"] == 1
    # A busy machine may decide a part too late: that loses a good one and passes no bad one.
    up = rows["belt good parts lost, station up"]
    lost = up["value"] + rows["belt good parts lost, station down"]["value"]
    assert lost < up["n"], "good parts passed while the station was up"


def test_evidence_stays_in_its_quota(capsys: pytest.CaptureFixture[str]) -> None:
    station.main(["--only", "evidence", "--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["evidence over its quota"]["value"] == 0
    assert rows["protected evidence removed"]["value"] == 0
    assert rows["evidence not kept"]["value"] == 0
    assert rows["protected evidence removed"]["n"] > 0


def test_drift_is_found_in_time_without_false_alarms(capsys: pytest.CaptureFixture[str]) -> None:
    station.main(["--only", "drift", "--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["drift false alarms"]["value"] <= 1
    assert rows["drift of 1.0 sigma found within 60 parts"]["value"] >= 0.9


def test_change_over_takes_the_time_of_a_look_and_an_item(
    capsys: pytest.CaptureFixture[str],
) -> None:
    station.main(["--only", "change_over", "--quick"])
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["n"] for row in rows] == [4, 4]
    assert 0 < rows[0]["value"] <= rows[1]["value"]


@pytest.mark.drivers
def test_a_plc_accepts_no_bad_part_of_a_killed_station(capsys: pytest.CaptureFixture[str]) -> None:
    station.main(["--only", "plc", "--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["plc bad parts accepted"]["value"] == 0
    assert rows["plc bad parts accepted"]["n"] > 20
    assert rows["plc faults survived"]["value"] == rows["plc faults survived"]["n"] >= 1


def test_golden_parts_block_passing(capsys: pytest.CaptureFixture[str]) -> None:
    station.main(["--only", "golden"])
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert len(rows) == 5
    assert {row["name"]: row["value"] for row in rows if row["value"] != row["reach"]} == {}


@pytest.mark.slow
def test_planted_faults_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    station.main(["--only", "health", "--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    for fault in ("camera turn", "camera defocus", "sensor loose"):
        assert rows[f"{fault}, strength 3, named within 20 parts"]["value"] == 1
    assert rows["sensor false alarms"]["value"] == 0


@pytest.mark.slow
def test_other_faults_of_real_lines_are_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    station.main(["--only", "other_faults", "--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    for fault in ("camera motion blur", "camera mirrored", "camera swapped", "sensor open cable"):
        assert rows[f"{fault}, strength 2: noticed within 20"]["value"] == 1
    assert rows["sensor turned round, strength 3: by an honest name"]["value"] == 1


@pytest.mark.slow
def test_a_replay_gives_the_log_again_faster_than_the_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    station.main(["--only", "replay", "--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["replay, fields that differ from the log"]["value"] == 0
    assert rows["replay, fields that differ from the log"]["n"] == 60
    assert rows["replay, exit code"]["value"] == 0


@pytest.mark.integrations
def test_memory_adapters_and_page_are_measured_on_and_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    station.main(["--only", "memory", "--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    name = "verdict p99, evidence, audit, adapters and page"
    on, off = rows[f"{name} on"]["value"], rows[f"{name} off"]["value"]
    assert rows[f"{name}, on minus off"]["value"] == pytest.approx(on - off)


@pytest.mark.slow
def test_what_a_station_kept_makes_the_next_model_better(
    capsys: pytest.CaptureFixture[str],
) -> None:
    station.main(["--only", "way_back", "--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    unseen = "way back, recall of unbalance"
    assert rows[f"{unseen}, after"]["n"] > 5
    assert rows[f"{unseen}, after"]["value"] > rows[f"{unseen}, before"]["value"]
