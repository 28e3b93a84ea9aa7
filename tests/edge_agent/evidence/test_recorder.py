"""What a station at work keeps, against the pixels of the simulated line."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.__main__ import main
from edge_agent.audit.recorder import AuditRecorder
from edge_agent.audit.segments import records
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Frame, Judgement, Reading, Verdict
from edge_agent.contracts.vibration.recordings import read_recording
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.contracts.wire.observation import Observation
from edge_agent.evidence.budget import worth_of
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.content import encode_heat
from edge_agent.evidence.folder import read_kept
from edge_agent.evidence.record import Cause, EvidenceRecord
from edge_agent.evidence.recorder import EvidenceRecorder
from edge_agent.simulator import parts, scene
from edge_agent.station.config import read_config
from edge_agent.station.relay import evidence_disk
from edge_agent.station.station import Station
from tests.station_kit import fill_disk, small_disk, write_station

SIMULATED = 'driver = "simulated"\nseed = 5\nparts = 6\nwidth_px = 64\nheight_px = 48'
FOLDER = 'driver = "folder"\npath = "frames"'


def run(path: Path) -> list[Decision]:
    """Run a station with audit and evidence until its source ends."""
    config = read_config(path)
    state = config.station.state_dir
    audit = AuditRecorder(state / "audit", config.audit, clock=SystemClock())
    evidence = EvidenceRecorder(
        state / "evidence", config.evidence, name_content=audit.name_content, dice=random.Random(1)
    )
    seen: list[Decision] = []
    Station(
        config, clock=SystemClock(), output=seen.append, listeners=[audit], observers=[evidence]
    ).run(threading.Event())
    audit.close()
    return seen


def observation(level: int, seq: int = 0) -> Observation:
    """A small frame of one level that failed."""
    frame = Frame(np.full((24, 32, 3), level, np.uint8), 1_000_000 + seq, 0, seq, "", f"p{seq}")
    judged = ChannelVerdict(
        channel="top", bundle="caps 1.0.0", verdict=Verdict.FAIL, label="dark", score=0.9,
        threshold=0.5, captured_at_ns=frame.captured_at_ns,
    )  # fmt: skip
    heat = np.full((3, 4), 0.5, np.float32)
    judgement = Judgement(Verdict.FAIL, "dark", 0.9, 0.5, heat=heat)
    return Observation(frame.part_id, frame, judged, judgement)


def test_audit_and_picture_hold_the_pixels_of_the_simulated_line(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "pass_share = 1.0\nmost_per_minute = 1000"
    decisions = run(write_station(bench, SIMULATED, evidence=table, line="deadline_ms = 10000"))
    kept = {one.record.part_id: one.record for one in read_kept(bench / "state" / "evidence")}
    wanted = {}
    for k in range(6):
        part, pixels = parts.part_id(5, k), scene.render(5, k, 64, 48, 0.25)
        wanted[part] = hashlib.sha256(pixels.tobytes()).hexdigest()
        picture = cv2.imread(str(bench / "state" / "evidence" / kept[part].file))
        assert np.array_equal(picture[:, :, ::-1], pixels)
    log = list(records(bench / "state" / "audit"))
    assert {r["part_id"]: r["sha256"] for r in log if r["kind"] == "content"} == wanted
    part = decisions[2].part_id
    assert main(["audit", "show", str(bench / "state" / "audit"), part, "--json"]) == 0
    [content] = json.loads(capsys.readouterr().out)["contents"]
    assert content["sha256"] == wanted[part]
    assert Path(content["kept"]).name == f"{wanted[part]}.png"
    assert main(["audit", "show", str(bench / "state" / "audit"), part]) == 0
    assert f"{wanted[part]}, kept in" in capsys.readouterr().out


def test_every_fail_is_kept_and_history_names_its_picture(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "pass_share = 0.0\nunsure_margin = 0.0"
    run(write_station(bench, FOLDER, evidence=table, line="deadline_ms = 10000"))
    dark = [f"part{k:04d}.png" for k in (3, 7, 11)]
    assert [one.record.part_id for one in read_kept(bench / "state" / "evidence")] == dark
    state = str(bench / "state")
    assert main(["history", state, "--verdict", "FAIL", "--since", "1h", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["part_id"] for row in rows] == dark
    for row in rows:
        picture = cv2.imread(row["channels"][0]["kept"])
        assert np.array_equal(picture, cv2.imread(str(bench / "frames" / row["part_id"])))
    assert main(["history", state, "--label", "bright", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 9
    assert all("kept" not in row["channels"][0] for row in rows)
    assert main(["history", state, "--part", dark[0]]) == 0
    assert ".png" in capsys.readouterr().out
    assert main(["history", str(bench / "nowhere")]) == 1


def test_full_disk_stops_nothing_and_evidence_goes_on_afterwards(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = EvidenceTable(keep_free_mb=0, disk_share=1)
    with small_disk(tmp_path / "disk", "1m") as disk:
        recorder = EvidenceRecorder(disk / "evidence", table)
        recorder.observe(observation(1, seq=1))
        ballast = fill_disk(disk)
        for seq in range(2, 40):
            recorder.observe(observation(seq, seq=seq))
        lost = recorder.lost
        ballast.unlink()
        recorder.observe(observation(200, seq=99))
        kept = [one.record.part_id for one in read_kept(disk / "evidence")]
        assert lost > 30
        assert (kept[0], kept[-1]) == ("p1", "p99")
        assert len(kept) + lost == 40
        assert not list((disk / "evidence").rglob(".*"))
    assert sum(record.levelname == "ERROR" for record in caplog.records) == 1


def test_nothing_is_kept_while_too_little_is_free(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        recorder = EvidenceRecorder(disk, EvidenceTable(keep_free_mb=1, disk_share=1))
        recorder.observe(observation(1, seq=1))
        fill_disk(disk, leave_bytes=1 << 20)
        recorder.observe(observation(2, seq=2))
    assert (recorder.kept, recorder.lost) == (1, 1)


def test_recording_is_kept_as_the_trainer_reads_it(tmp_path: Path) -> None:
    signal = np.random.default_rng(1).normal(size=(500, 2)).astype(np.float32)
    verdict = ChannelVerdict(channel="motor", bundle="b 1.0.0", verdict=Verdict.FAIL)
    reading = Reading(signal, 1000.0, 5, 0, 0, "", "m1", rpm=1480.0)
    recorder = EvidenceRecorder(tmp_path, EvidenceTable(keep_free_mb=0))
    recorder.observe(Observation("m1", reading, verdict))
    [kept] = read_kept(tmp_path)
    assert kept.record.sha256 == hashlib.sha256(signal.tobytes()).hexdigest()
    again = read_recording(tmp_path / kept.record.file, ["0", "1"])
    assert np.array_equal(again.signal, signal)
    assert (again.rate_hz, again.rpm) == (1000.0, 1480.0)


def test_heat_map_lies_beside_the_record_and_grey_128_is_the_threshold(tmp_path: Path) -> None:
    recorder = EvidenceRecorder(tmp_path, EvidenceTable(keep_free_mb=0))
    recorder.observe(observation(9))
    [kept] = read_kept(tmp_path)
    assert kept.record.heat_map is not None
    grey = cv2.imread(str(tmp_path / kept.record.heat_map), cv2.IMREAD_GRAYSCALE)
    assert grey.shape == (3, 4)
    assert set(grey.ravel()) == {128}
    assert encode_heat(np.array([[np.nan, np.inf]], np.float32), 0.0)


def test_an_item_about_which_a_candidate_disagrees_is_kept(tmp_path: Path) -> None:
    recorder = EvidenceRecorder(tmp_path, EvidenceTable(keep_free_mb=0, most_per_minute=2))
    for seq in range(3):
        recorder.keep_disagreement(observation(40 + seq, seq))
    assert recorder.kept == 2, "as many a minute as of every other cause"
    off = EvidenceRecorder(tmp_path / "off", EvidenceTable(enabled=False))
    off.keep_disagreement(observation(40))
    assert off.kept == 0


class SlowDisk:
    """Holds the first item that was written until it is let go."""

    def __init__(self) -> None:
        self.begun, self.free = threading.Event(), threading.Event()

    def hold(self, _: EvidenceRecord) -> None:
        self.begun.set()
        assert self.free.wait(20)


def seen(cause: Cause, seq: int) -> Observation:
    """A frame that is kept for that cause."""
    verdict = {"fail": Verdict.FAIL, "no-verdict": Verdict.NO_VERDICT}.get(cause, Verdict.PASS)
    score = {"sample": 0.1, "unsure": 0.49}.get(cause, 0.9)
    one = observation(seq, seq)
    return replace(one, verdict=one.verdict.model_copy(update={"verdict": verdict, "score": score}))


def test_a_slow_disk_loses_passes_before_fails_and_counts_them(tmp_path: Path) -> None:
    slow = SlowDisk()
    table = EvidenceTable(pass_share=1, keep_free_mb=0)
    recorder = EvidenceRecorder(tmp_path, table, on_kept=slow.hold)
    disk = evidence_disk(recorder, waiting=3)
    causes: list[Cause] = [
        "fail", "fail", "sample", "no-verdict", "unsure", "sample", "fail",
    ]  # fmt: skip
    for seq, cause in enumerate(causes):
        recorder.observe(seen(cause, seq))
        assert slow.begun.wait(20)
    assert recorder.lost == 3
    slow.free.set()
    disk.close()
    kept = [(one.record.part_id, one.record.cause) for one in read_kept(tmp_path)]
    assert kept == [("p0", "fail"), ("p1", "fail"), ("p3", "no-verdict"), ("p6", "fail")]
    recorder.write_by(recorder.write)
    recorder.observe(seen("sample", 50))
    assert list(read_kept(tmp_path))[-1].record.left_out == 2


def test_what_waits_for_the_disk_is_bounded_in_bytes(tmp_path: Path) -> None:
    slow = SlowDisk()
    recorder = EvidenceRecorder(tmp_path, EvidenceTable(keep_free_mb=0), on_kept=slow.hold)
    disk = evidence_disk(recorder, most_bytes=5 * 24 * 32 * 3)
    for seq in range(7):
        recorder.observe(observation(seq, seq))
        assert slow.begun.wait(20)
    slow.free.set()
    disk.close()
    assert (recorder.kept, recorder.lost) == (4, 3), "a frame with its record counts 3.4 kB"


def test_what_a_person_reports_is_worth_most() -> None:
    causes: list[Cause] = ["missed", "sample", "fail", "shadow", "unsure", "no-verdict"]
    assert sorted(causes, key=worth_of) == [
        "sample", "unsure", "no-verdict", "shadow", "fail", "missed",
    ]  # fmt: skip
