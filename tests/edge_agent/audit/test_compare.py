"""A replay is held against the audit log, field by field."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.audit.compare import compare_verdicts
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from tests.station_kit import write_frame, write_frames, write_image_bundle, write_station


def decision(part: str, score: float) -> Decision:
    verdict = ChannelVerdict(channel="top", bundle="b 1", verdict=Verdict.PASS, score=score)
    return Decision(part, Verdict.PASS, "accept", "", 1.0, (verdict,))


def record(part: str, score: float) -> dict[str, object]:
    channel = {"channel": "top", "bundle": "b 1", "verdict": "PASS", "score": score}
    return {"kind": "verdict", "part_id": part, "channels": [channel, {"channel": "side"}]}


def test_every_field_is_compared_and_unknown_parts_are_counted() -> None:
    log = [{"kind": "start"}, record("a", 0.25), record("b", 0.5)]
    given = [decision("a", 0.25), decision("b", 0.75), decision("c", 0.1)]
    found = compare_verdicts(log, given, "top")
    assert (found.compared, found.unknown) == (2, 1)
    assert found.differences == ["b: score was 0.5, is 0.75"]
    assert not found.identical
    assert compare_verdicts(log, given[:1], "top").identical
    assert not compare_verdicts(log, [], "top").identical


def test_a_part_that_was_recorded_as_a_file_is_found_without_its_suffix() -> None:
    given = [decision("4711.a.png", 0.25), decision("4712.png", 0.5), decision("", 0.5)]
    found = compare_verdicts([record("4711.a", 0.25), record("4712.png", 0.5)], given, "top")
    assert (found.compared, found.unknown, found.differences) == (2, 1, [])


def test_a_recorded_folder_gives_the_same_log_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image_bundle(tmp_path / "brightness.bundle")
    frames = write_frames(tmp_path / "frames", 12)
    path = write_station(
        tmp_path, f'driver = "folder"\npath = "{frames}"', station='state_dir = "state"'
    )
    assert main(["run", str(path), "--quiet", "--no-wait"]) == 0
    again = ["replay", str(frames), "--config", str(path)]
    again += ["--against", str(tmp_path / "state" / "audit")]
    assert main(again) == 0
    assert "12 parts compared, 0 fields differ" in capsys.readouterr().err
    write_frame(frames / "part0003.png", 200, seed=99)
    assert main(again) == 3
    assert "DIFFERENT part0003.png: verdict was 'FAIL', is 'PASS'" in capsys.readouterr().err
