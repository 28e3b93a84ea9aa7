"""The label check finds swapped labels, in pictures of the simulated line and in recordings."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from edge_agent.__main__ import main as agent
from edge_agent.contracts.core.types import Recording
from trainer.__main__ import main
from trainer.evaluation.label_check import image_row, recording_row

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
    assert main(["check", str(folder), "--doubts"]) == 0
    assert f"look at  {rows[4]['path']}: labelled" in capsys.readouterr().out


def test_one_label_alone_cannot_be_doubted(
    machines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(machines), "--doubts"]) == 2
    assert "fewer than two labels have 3 groups" in capsys.readouterr().err


def test_a_sine_has_the_level_crest_and_kurtosis_of_a_sine() -> None:
    time_s = np.arange(2000) / 1000
    sine = 3.0 * np.sin(2 * np.pi * 50 * time_s) + 7.0
    signal = np.stack([sine, 2 * sine], axis=1).astype(np.float32)
    row = recording_row(Recording(signal, 1000.0, ("x", "y"), "g", "made here"))
    rms, crest, kurtosis = row[:2], row[2:4], row[4:6]
    np.testing.assert_allclose(np.exp(rms), [3 / np.sqrt(2), 6 / np.sqrt(2)], rtol=1e-3)
    np.testing.assert_allclose(np.exp(crest), np.sqrt(2), rtol=1e-3)
    np.testing.assert_allclose(np.exp(kurtosis), 1.5, rtol=1e-3)


def test_features_of_a_constant_signal_and_of_a_grey_image_are_finite() -> None:
    still = Recording(np.ones((64, 1), np.float32), 1000.0, ("x",), "g", "made here")
    assert np.isfinite(recording_row(still)).all()
    assert np.isfinite(image_row(np.full((9, 5, 3), 128, np.uint8))).all()


def test_a_turned_image_keeps_the_quantiles_of_its_colours() -> None:
    image = np.random.default_rng(3).integers(0, 256, (128, 128, 3), np.uint8)
    plain, turned = image_row(image), image_row(np.ascontiguousarray(image[::-1, ::-1]))
    np.testing.assert_allclose(turned[:64], plain[:64])
    np.testing.assert_allclose(turned[128:161], plain[128:161], atol=1e-3)
    assert np.abs(turned[64:128] - plain[64:128]).max() > 1, "the thumbnail is turned"
