"""The label check finds swapped labels, in pictures of the simulated line and in recordings."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from edge_agent.__main__ import main as agent
from trainer.__main__ import main

SWAPPED = 10


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def mislabelled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """240 pictures of the simulated line, and the paths of those whose label was swapped."""
    folder = tmp_path_factory.mktemp("line") / "caps"
    words = ["simulate", "images", "--out", str(folder), "--count", "240", "--seed", "5"]
    assert agent([*words, "--size", "160x120"]) == 0
    rows = rows_of(folder)
    for row in rows:
        row["label"] = "good" if row["label"] == "good" else "bad"
    chosen = np.random.default_rng(2).permutation(len(rows))[:SWAPPED]
    for place in chosen:
        rows[place]["label"] = "bad" if rows[place]["label"] == "good" else "good"
    with (folder / "labels.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder, {rows[place]["path"] for place in chosen}


def test_swapped_labels_are_named(
    mislabelled: tuple[Path, set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, swapped = mislabelled
    capsys.readouterr()
    assert main(["check", str(folder), "--doubts", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    named = [row["path"] for row in found["label_doubts"]]
    assert len(swapped & set(named)) >= SWAPPED // 2
    by_chance = len(named) * SWAPPED / found["samples"]
    assert len(swapped & set(named)) > 4 * by_chance
    assert found["label_judge"]["right"] > 0.7
    assert main(["check", str(folder), "--doubts"]) == 0
    assert f"look at  {named[0]}: labelled" in capsys.readouterr().out


def test_a_swapped_recording_is_named(
    machines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "machines"
    folder.mkdir()
    rng = np.random.default_rng(1)
    rows = []
    for machine in range(8):
        for label, size in (("healthy", 0.3), ("knock", 1.2)):
            path = f"{label}_{machine}.npz"
            np.savez(folder / path, acc=rng.normal(0, size, 2000), fs=2000.0)
            rows.append({"path": path, "label": label, "machine": machine})
    rows[4]["label"] = "knock"
    with (folder / "labels.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "dataset.toml").write_text((machines / "dataset.toml").read_text())
    assert main(["check", str(folder), "--doubts", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["path"] for row in found["label_doubts"]] == [rows[4]["path"]]


def test_one_label_alone_cannot_be_doubted(
    machines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(machines), "--doubts"]) == 2
    assert "fewer than two labels have 3 groups" in capsys.readouterr().err
