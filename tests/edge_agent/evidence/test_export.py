"""An export is a data set that the trainer reads without an edit."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import ProcessRow, Reading, Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.contracts.wire.observation import Observation
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.recorder import EvidenceRecorder
from edge_agent.evidence.select import parse_since
from tests.edge_agent.evidence.test_recorder import FOLDER, run
from tests.station_kit import write_station

ALL = "pass_share = 1.0\nmost_per_minute = 1000"


def trainer_accepts(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What `lineside-train check` prints of a folder that it accepts."""
    from trainer.__main__ import main as trainer_main

    capsys.readouterr()
    code = trainer_main(["check", str(folder)])
    shown = capsys.readouterr()
    assert code == 0, shown
    return shown.out + shown.err


def test_export_of_a_station_passes_the_trainers_check(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(write_station(bench, FOLDER, evidence=ALL, line="deadline_ms = 10000"))
    assert main(["evidence", "export", str(bench / "state"), str(bench / "out"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "samples": 12, "kind": "image", "labels": {"bright": 9, "dark": 3}, "lost": 0,
        "disputed": 0,
    }  # fmt: skip
    with (bench / "out" / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        number = int(row["part"][4:8])
        assert row["label"] == ("dark" if number % 4 == 3 else "bright")
        picture = cv2.imread(str(bench / "out" / row["path"]))
        assert np.array_equal(picture, cv2.imread(str(bench / "frames" / row["part"])))
    trainer_accepts(bench / "out", capsys)


def test_only_what_was_asked_for_is_exported(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(write_station(bench, FOLDER, evidence=ALL, line="deadline_ms = 10000"))
    state, out = str(bench / "state"), str(bench / "out")
    assert main(["evidence", "export", state, out, "--part", "nobody"]) == 1
    assert "no evidence fits" in capsys.readouterr().err
    assert not Path(out).exists()
    assert main(["evidence", "export", state, out, "--verdict", "FAIL", "--since", "1h"]) == 0
    assert "3 samples of image (3 dark)" in capsys.readouterr().out
    assert main(["evidence", "export", state, out]) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["evidence", "list", state, "--label", "dark"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def verdict_on(number: int, channel: str, captured_at_ns: int) -> ChannelVerdict:
    bad = number % 2 == 1
    return ChannelVerdict(
        channel=channel, bundle="b 1.0.0", verdict=Verdict.FAIL if bad else Verdict.PASS,
        label="anomaly" if bad else "normal", captured_at_ns=captured_at_ns,
    )  # fmt: skip


def test_recordings_and_rows_are_exported_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = EvidenceTable(pass_share=1.0, most_per_minute=1000, keep_free_mb=0)
    recorder = EvidenceRecorder(tmp_path / "evidence", table)
    noise = np.random.default_rng(1)
    for number in range(24):
        signal = noise.normal(size=(2000, 1)).astype(np.float32)
        reading = Reading(signal, 1000.0, number, 0, number, "", f"m{number}")
        recorder.observe(Observation(reading.part_id, reading, verdict_on(number, "motor", number)))
        torque, speed = noise.normal(20 + 5 * (number % 2), 5), noise.normal(1500, 50)
        tags = {"torque [Nm]": float(torque), "speed [rpm]": float(speed)}
        row = ProcessRow(tags, number, 0, number, "", f"r{number}")
        recorder.observe(Observation(row.part_id, row, verdict_on(number, "press", number)))
    state = str(tmp_path)
    assert main(["evidence", "export", state, str(tmp_path / "none")]) == 1
    assert "cannot be one data set" in capsys.readouterr().err
    for channel in ("motor", "press"):
        out = tmp_path / channel
        assert main(["evidence", "export", state, str(out), "--channel", channel]) == 0
        assert "12 defect, 12 good" in capsys.readouterr().out
        trainer_accepts(out, capsys)


def test_since_is_a_time_or_a_while_ago() -> None:
    clock = ManualClock(utc_ns=1_000_000 * 10**9)
    assert parse_since("2h", clock) == (1_000_000 - 7200) * 10**9
    assert parse_since("1970-01-02T00:00", clock) == 86_400 * 10**9
    assert parse_since("1970-01-02T01:00+01:00", clock) == 86_400 * 10**9
    with pytest.raises(ConfigError, match="is no time"):
        parse_since("yesterday", clock)
