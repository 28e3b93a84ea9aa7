"""The verb `update`, from a new bundle to a promotion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.update.slots import status
from tests.signing_kit import open_workshop

Shown = pytest.CaptureFixture[str]


def test_a_bundle_waits_for_a_person_and_is_promoted(tmp_path: Path, capsys: Shown) -> None:
    workshop, root = open_workshop(tmp_path / "workshop"), tmp_path / "station"
    first, second = workshop.signed("1.0.0"), workshop.signed("1.1.0")
    where = ["--root", str(root)]
    assert main(["update", "start", str(first), *where]) == 1
    assert "no such station folder: check --root" in capsys.readouterr().err
    assert not root.exists()
    assert main(["update", "status", *where]) == 1
    assert "no update was begun" in capsys.readouterr().err
    words = ["slots", "install", str(first), *where, "--trust", str(workshop.public)]
    assert main(words) == 0
    assert main(["update", "start", str(second), "--ask", *where]) == 0
    assert "brightness 1.1.0: canary" in capsys.readouterr().out
    assert status(root)[0].version == "1.0.0"
    assert main(["update", "promote", "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "done"
    assert status(root)[0].version == "1.1.0"
    assert main(["update", "resume", *where]) == 0
    assert main(["update", "abort", *where]) == 0
    assert "1.1.0: done" in capsys.readouterr().out
    assert main(["update", "start", str(first), *where]) == 1
    assert "brightness-1.0.0.bundle: refused: " in capsys.readouterr().out
    assert status(root)[0].version == "1.1.0"
