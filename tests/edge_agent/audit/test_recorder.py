"""What a station that runs leaves in its audit log, against what its output saw."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.audit.config import AuditTable
from edge_agent.audit.log import AuditLog
from edge_agent.audit.recorder import AuditRecorder
from edge_agent.audit.segments import records, segments, verify
from edge_agent.contracts.core.clock import ManualClock, SystemClock
from edge_agent.contracts.wire.decision import Decision
from edge_agent.station.config import read_config
from edge_agent.station.station import Station
from tests.station_kit import fill_disk, small_disk, verdict, write_station


@pytest.fixture
def acted(bench: Path) -> list[Decision]:
    """The decisions that the outputs saw; the log lies in bench/state/audit."""
    config = read_config(write_station(bench, 'driver = "folder"\npath = "frames"'))
    seen: list[Decision] = []
    recorder = AuditRecorder(config.station.state_dir / "audit", config.audit, clock=SystemClock())
    recorder.start({"version": "1"})
    Station(config, clock=SystemClock(), output=seen.append, listeners=[recorder]).run(
        threading.Event()
    )
    recorder.close()
    return seen


def test_every_part_is_recorded_as_the_output_saw_it(bench: Path, acted: list[Decision]) -> None:
    kept = [r for r in records(bench / "state" / "audit") if r["kind"] == "verdict"]
    assert [(r["part_id"], r["verdict"], r["action"]) for r in kept] == [
        (d.part_id, str(d.verdict), d.action) for d in acted
    ]
    channel = kept[0]["channels"][0]
    assert channel["bundle"] == "brightness 1.0.0"
    assert channel["threshold"] == acted[0].channels[0].threshold


def test_show_answers_why(
    bench: Path, acted: list[Decision], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(bench / "state" / "audit")
    failed = next(decision for decision in acted if decision.verdict == "FAIL")
    assert main(["audit", "show", folder, failed.part_id]) == 0
    text = capsys.readouterr().out
    assert "FAIL, reject" in text
    assert "brightness 1.0.0" in text
    assert main(["audit", "verify", folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["whole"] is True
    assert main(["audit", "show", folder, "part-of-nobody"]) == 1


def test_verify_ends_with_3_where_a_verdict_was_changed(
    bench: Path, acted: list[Decision], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = bench / "state" / "audit"
    [(_, path)] = segments(folder)
    path.write_bytes(path.read_bytes().replace(b'"verdict":"FAIL"', b'"verdict":"PASS"', 1))
    assert main(["audit", "verify", str(folder)]) == 3
    assert "FAULT at record" in capsys.readouterr().out
    assert acted


def test_a_full_disk_is_told_by_the_log_itself_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        recorder = AuditRecorder(disk / "audit", AuditTable(), clock=ManualClock())
        recorder.publish(verdict("a"))
        ballast = fill_disk(disk)
        for number in range(200):
            recorder.publish(verdict(f"full-{number}"))
        ballast.unlink()
        recorder.publish(verdict("b"))
        recorder.close()
        found = list(records(disk / "audit"))
    lost = sum(record["records"] for record in found if record["kind"] == "lost")
    kept = sum(record["kind"] == "verdict" for record in found)
    assert lost > 0
    assert lost + kept == 202


def test_records_are_appended_while_earlier_ones_become_durable(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, clock=ManualClock())
    log.open()
    log.append("verdict", {"part_id": "p1"})
    first, point = log.head, log.sync_point()
    assert point is not None
    log.append("verdict", {"part_id": "p2"})
    log.keep(point)
    assert (tmp_path / "head").read_text() == str(first)
    assert verify(tmp_path).whole
    log.sync()
    assert (tmp_path / "head").read_text() == str(log.head)
    assert log.sync_point() is None
    log.close()
    assert verify(tmp_path, (first,)).whole
