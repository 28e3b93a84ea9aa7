from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from trainer.cli import main


@pytest.fixture
def run_dir(plates_run: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "run"
    shutil.copytree(plates_run, copy)
    return copy


def test_costs_choose_a_threshold_and_rewrite_the_run(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--cost-escape", "40", "--cost-reject", "1.5", "--defect-rate", "0.01"]
    assert main(["threshold", str(run_dir), *words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    scoring = json.loads((run_dir / "spec.json").read_text())["scoring"]
    assert scoring["threshold"] == said["cut"]
    assert "40 an escape" in scoring["chosen_by"]
    assert said["source"] == "validation.csv"
    assert said["held_out"]["bad"] > 0
    assert "40 an escape" in (run_dir / "report.html").read_text()
    assert "Threshold and its cost" in (run_dir / "report.html").read_text()
    assert "40 an escape" in (run_dir / "card.md").read_text()


def test_a_promise_too_big_is_called_not_proven(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["threshold", str(run_dir), "--max-false-reject", "0.001", "--unsure", "0.1"]) == 0
    said = capsys.readouterr().out
    assert "NOT PROVEN" in said
    assert "more good parts" in said
    scoring = json.loads((run_dir / "spec.json").read_text())["scoring"]
    assert scoring["unsure_low"] < scoring["unsure_high"]
    assert "NOT proven" in scoring["chosen_by"]


def test_dry_run_writes_nothing(run_dir: Path) -> None:
    before = (run_dir / "spec.json").read_bytes()
    words = ["--max-escape-ppm", "100", "--defect-rate", "0.02", "--dry-run"]
    assert main(["threshold", str(run_dir), *words]) == 0
    assert (run_dir / "spec.json").read_bytes() == before


def test_two_rules_at_once_are_misuse(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--max-escape-ppm", "100", "--max-false-reject", "0.01", "--defect-rate", "0.02"]
    assert main(["threshold", str(run_dir), *words]) == 2
    assert "one rule" in capsys.readouterr().err
