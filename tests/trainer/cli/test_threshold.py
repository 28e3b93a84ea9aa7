from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from trainer.__main__ import main
from trainer.run_folder.run import open_fitted_run


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


def test_with_require_proof_what_is_not_proven_ends_with_code_3(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["threshold", str(run_dir), "--max-false-reject", "0.001", "--require-proof"]
    assert main(words) == 3
    assert "NOT PROVEN" in capsys.readouterr().out
    report = (run_dir / "report.html").read_text()
    assert "≤ 0.1 %" in report[report.index("Acceptance") :]
    assert main([*words[:3], "0.9", "--require-proof"]) == 0


def test_labels_and_figures_follow_the_new_threshold(run_dir: Path) -> None:
    assert main(["threshold", str(run_dir), "--max-false-reject", "0.9"]) == 0
    run = open_fitted_run(run_dir)
    assert all((one.verdict == "FAIL") == (one.predicted == "scratch") for one in run.predictions)
    right = sum(one.predicted == one.label for one in run.predictions)
    assert run.metrics.held_out.accuracy is not None
    assert run.metrics.held_out.accuracy.value == pytest.approx(right / len(run.predictions))
    found = sum(one.label == one.predicted == "scratch" for one in run.predictions)
    row = run.metrics.per_class["scratch"]
    assert row.recall == pytest.approx(found / row.n)


def test_dry_run_writes_nothing(run_dir: Path) -> None:
    before = (run_dir / "spec.json").read_bytes()
    words = ["--max-escape-ppm", "100", "--defect-rate", "0.02", "--dry-run"]
    assert main(["threshold", str(run_dir), *words]) == 0
    assert (run_dir / "spec.json").read_bytes() == before


def test_two_rules_at_once_are_misuse(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--max-escape-ppm", "100", "--max-false-reject", "0.01", "--defect-rate", "0.02"]
    assert main(["threshold", str(run_dir), *words]) == 2
    assert "one rule" in capsys.readouterr().err


BAD_PARTS = {
    "nan": ("label,score\nok,nan\nx,0.9\n", "row 1: score 'nan' is no finite number"),
    "infinite": ("label,score\nok,0.1\nx,inf\n", "row 2: score 'inf' is no finite number"),
    "negative": ("label,score\nok,-3\nx,0.9\n", "score -3 is no probability"),
    "above 1": ("label,score\nok,5\nx,7\n", "score 5 is no probability"),
    "short row": ("label,score\nok\nx,0.9\n", "row 1 has not 2 cells"),
    "long row": ("label,score\nok,0.1,0.2\n", "row 1 has not 2 cells"),
    "semicolons": ("label;score\nok;0.1\n", "has no column 'label'; its columns: label;score"),
    "empty": ("", "is empty"),
    "head alone": ("label,score\n", "holds no part"),
    "decimal comma": ('label,score\nok,"0,1"\n', "score '0,1' is no finite number"),
}


@pytest.mark.parametrize(("text", "fault"), list(BAD_PARTS.values()), ids=list(BAD_PARTS))
def test_parts_that_are_none_are_misuse(
    text: str, fault: str, run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = tmp_path / "parts.csv"
    parts.write_text(text)
    words = ["--max-false-reject", "0.1", "--parts", str(parts)]
    assert main(["threshold", str(run_dir), *words]) == 2
    said = capsys.readouterr().err
    assert f"{parts}: " in said
    assert fault in said
    assert "lineside-train evaluate" in said


def test_parts_saved_by_excel_are_read(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = tmp_path / "parts.csv"
    parts.write_bytes(b"\xef\xbb\xbflabel,score\r\nok,0.1\r\nscratch,0.9\r\n")
    words = ["--max-false-reject", "0.5", "--parts", str(parts), "--dry-run", "--json"]
    assert main(["threshold", str(run_dir), *words]) == 0
    assert json.loads(capsys.readouterr().out)["chosen_on"]["good"] == 1


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("--max-escape-ppm 2e6 --defect-rate 0.5", "'2e6' is not parts in a million"),
        ("--max-escape-ppm 1e-300 --defect-rate 0.5", "'1e-300' is not parts in a million"),
        ("--max-escape-ppm 1e5 --defect-rate 0.01", "10000 bad parts in a million"),
        ("--max-false-reject 1e-300", "'1e-300' is not a share"),
        ("--max-false-reject abc", "'abc' is not a share"),
        ("--cost-escape abc", "'abc' is not an amount of money"),
        ("--cost-escape nan", "'nan' is not an amount of money"),
        ("--max-false-reject 0.1 --cost-reject 3", "--cost-reject is of no use"),
        ("--max-false-reject 0.1 --defect-rate 0.1", "--defect-rate is of no use"),
    ],
)
def test_options_without_a_meaning_are_misuse(
    words: str, fault: str, run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["threshold", str(run_dir), *words.split()])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert fault in capsys.readouterr().err
