"""`lineside-agent capture` and `record`: what cannot be is refused before a device is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.cli.capture import CAPTURE_EXAMPLES

CAMERAS = """
[station]
id = "s"
[[channel]]
name = "top"
kind = "image"
bundle = "a.bundle"
source = {driver = "simulated"}
[[channel]]
name = "side"
kind = "image"
bundle = "a.bundle"
source = {driver = "simulated"}
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the station has 2 image channels: top, side"),
        (["--channel", "tip"], "no image channel 'tip', did you mean 'top'"),
        (["--channel", "top", "--trigger"], "the station has no [trigger]"),
    ],
)
def test_what_cannot_be_is_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "station.toml").write_text(CAMERAS)
    common = ["--config", str(tmp_path / "station.toml"), "--out", str(tmp_path / "d")]
    assert main(["capture", *common, "--label", "ok", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


def test_a_channel_of_another_kind_is_not_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "station.toml").write_text(CAMERAS)
    common = ["--config", str(tmp_path / "station.toml"), "--out", str(tmp_path / "d")]
    assert main(["record", *common, "--label", "ok"]) == 2
    assert "0 vibration or tabular channels" in capsys.readouterr().err
    assert "lineside-agent capture --config" in CAPTURE_EXAMPLES
