"""Cross-validation goes on from its finished folds, and writes what it found."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import sha256_hex
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.workflow.kfold import with_folds
from trainer.workflow.kfold_files import run_kfold

LABELS = ("bad", "good")
WRONG = 4
"""The row whose label the models doubt."""

ESCAPED = 6
"""A defect that int8 lets pass."""


def write_table(root: Path) -> Path:
    """24 process rows of two labels, each a group of its own."""
    root.mkdir()
    lines = [f"{n / 7:.3f},{LABELS[n % 2]},{n}" for n in range(24)]
    (root / "rows.csv").write_text("\n".join(["speed,label,part", *lines, ""]))
    (root / "dataset.toml").write_text(
        'task = "tabular-class"\ngood = ["good"]\ngroup = "part"\n'
        '[tabular]\nfile = "rows.csv"\nlabel = "label"\nfeatures = ["speed"]\n'
    )
    return root


def write_finished_folds(root: Path, config: FitConfig, folder: Path, seeds: int) -> None:
    """What a cross-validation leaves of each fold, its models sure of all labels but one."""
    dataset = with_folds(load_dataset(root), 3, config.seed)
    mark = sha256_hex((config.model_dump_json() + dataset.sha256()).encode())[:16]
    folder.mkdir(parents=True)
    for seed in range(config.seed, config.seed + seeds):
        for fold in "012":
            rows = [
                row_of(n, sample.path, sample.label)
                for n, sample in enumerate(dataset.samples)
                if sample.fold == fold
            ]
            (folder / f"{mark}-seed{seed}-fold{fold}.json").write_text(json.dumps(rows))


def row_of(number: int, path: str, label: str) -> dict[str, object]:
    says_bad = (label == "bad") != (number == WRONG)
    score = 0.9 if says_bad else 0.1
    return {
        "path": path,
        "label": label,
        "group": str(number),
        "predicted": "bad" if says_bad else "good",
        "score": score,
        "verdict": "FAIL" if says_bad else "PASS",
        "p_bad": score,
        "p_good": 1 - score,
        "baseline_majority": "bad",
        "int8_predicted": "good" if number == ESCAPED else "bad" if says_bad else "good",
        "int8_score": 0.4 if number == ESCAPED else score,
        "int8_verdict": "PASS" if number == ESCAPED or not says_bad else "FAIL",
    }


def test_finished_folds_are_taken_and_the_files_name_the_doubtful_label(tmp_path: Path) -> None:
    root, out = write_table(tmp_path / "press"), tmp_path / "out"
    config = FitConfig(seed=5)
    write_finished_folds(root, config, out / "folds", seeds=2)
    document = run_kfold(root, config, 3, 2, out, SilentProgress())
    assert document == json.loads((out / "crossval.json").read_text()) | {"folder": str(out)}
    assert document["seeds"] == [5, 6]
    assert document["figures"]["accuracy"]["value"] == pytest.approx(23 / 24)
    assert document["int8"]["figures"]["accuracy"]["value"] == pytest.approx(22 / 24)
    assert document["int8"]["float_minus_int8"]["accuracy"] == pytest.approx(1 / 24, abs=1e-6)
    changed = ("new_escapes", "new_rejects", "verdicts_changed")
    assert [document["int8"][name] for name in changed] == [2, 0, 2]
    with (out / "out_of_fold.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * 24
    assert {row["seed"] for row in rows} == {"5", "6"}
    with (out / "label_doubts.csv").open() as stream:
        doubts = list(csv.DictReader(stream))
    assert [(one["label"], one["suggested"]) for one in doubts] == [("bad", "good")]


def test_too_few_folds_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    root = write_table(tmp_path / "press")
    with pytest.raises(ConfigError, match="2 folds"):
        run_kfold(root, FitConfig(), 2, 1, tmp_path / "out", SilentProgress())
    assert not (tmp_path / "out").exists()


class Listening(SilentProgress):
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize(("weights", "warned"), [("none", True), ("efficientnet_lite0", False)])
def test_images_without_weights_are_warned_of(
    plates: Path, tmp_path: Path, weights: str, warned: bool
) -> None:
    config, progress = FitConfig(weights=weights), Listening()
    folder = tmp_path / "folds"
    folder.mkdir()
    dataset = with_folds(load_dataset(plates), 3, config.seed)
    mark = sha256_hex((config.model_dump_json() + dataset.sha256()).encode())[:16]
    for fold in "012":
        rows = [
            {"path": s.path, "label": s.label, "group": s.group, "predicted": s.label}
            | {"score": float(s.label != "ok"), "verdict": "PASS" if s.label == "ok" else "FAIL"}
            for s in dataset.samples
            if s.fold == fold
        ]
        (folder / f"{mark}-seed{config.seed}-fold{fold}.json").write_text(json.dumps(rows))
    document = run_kfold(plates, config, 3, 1, tmp_path, progress, int8=False)
    assert document["int8"] == {}
    assert [line for line in progress.lines if "at random" in line] == document["warnings"]
    assert len(document["warnings"]) == warned
