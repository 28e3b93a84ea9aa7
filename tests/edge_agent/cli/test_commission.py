"""A fresh reader commissions the simulated line, and the station names what goes wrong after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.health.commissioning import read_commissioning
from tests.station_kit import write_image_bundle

Shown = pytest.CaptureFixture[str]
STATION = """\
[station]
id = "test"
[trust]
allow_unsigned = true
[line]
deadline_ms = 60000
[[channel]]
name = "top"
kind = "image"
bundle = "brightness.bundle"
[channel.source]
driver = "simulated"
width_px = 160
height_px = 120
defect_rate = 0
marks = true
"""


def station(folder: Path, more: str = "") -> Path:
    write_image_bundle(folder / "brightness.bundle")
    path = folder / "station.toml"
    path.write_text(STATION + more)
    return path


@pytest.mark.slow
def test_the_simulated_line_is_commissioned_and_a_dark_lamp_is_named(
    tmp_path: Path, capsys: Shown
) -> None:
    path = station(tmp_path)
    assert main(["commission", str(path), "--parts", "120"]) == 0
    shown = capsys.readouterr()
    assert "Clean the lens" in shown.err
    assert "at most 1 in 40 parts" in shown.out
    learned = read_commissioning(tmp_path / "commissioning.json").channels["top"]
    assert learned.parts == 120
    assert len(learned.marks) == 2
    station(tmp_path, 'start = 120\nparts = 30\nfault = "lamp"\nfault_strength = 3\n')
    assert main(["run", str(path), "--json", "--no-wait"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(told) == 30
    assert "the lamp is" in told[-1]["reason"]


@pytest.mark.slow
def test_one_channel_is_commissioned_again_and_json_says_what_it_learned(
    tmp_path: Path, capsys: Shown
) -> None:
    path = station(tmp_path)
    given = ["commission", str(path), "--channel", "top", "--parts", "120", "--json", "--quiet"]
    assert main(given) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["channels"]["top"]["marks"] == 2
    assert shown["channels"]["top"]["false_alarm_rate"] == pytest.approx(3 / 120)
    assert Path(shown["file"]) == tmp_path / "commissioning.json"


def test_too_few_parts_and_wrong_channels_are_refused_with_the_cure(
    tmp_path: Path, capsys: Shown
) -> None:
    path = station(tmp_path, "parts = 5\n")
    assert main(["commission", str(path), "--parts", "5"]) == 2
    assert main(["commission", str(path), "--parts", "120"]) == 1
    assert main(["commission", str(path), "--channel", "tip"]) == 2
    said = capsys.readouterr().err
    assert "give 120 to 1000000" in said
    assert "let more good parts pass" in said
    assert "top" in said
