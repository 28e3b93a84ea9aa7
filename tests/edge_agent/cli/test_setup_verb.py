"""`lineside-agent setup`: misuse is refused before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.__main__ import main


def test_another_host_needs_a_word_for_plain_http(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["setup", str(tmp_path / "station.toml"), "--host", "0.0.0.0"]) == 2
    assert "plain" in capsys.readouterr().err
    assert not (tmp_path / "users.json").exists()


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["setup", "--help"])
    assert "lineside-agent setup station.toml" in capsys.readouterr().out
