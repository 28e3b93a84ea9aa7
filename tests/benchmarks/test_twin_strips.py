"""Strips are long, their cracks thin; a lot is learnt or judged, never both."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from benchmarks.twin_strips import HEIGHT_PX, LOT, WIDTH_PX, crack, write_strips


def test_a_crack_is_a_thin_line_on_the_strip() -> None:
    rng = np.random.default_rng(3)
    cracks = [crack(rng) > 0.3 for _ in range(30)]
    shares = np.array([one.mean() for one in cracks])
    assert (shares > 0).all()
    assert np.median(shares) < 0.001
    longest = [np.ptp(np.argwhere(one), axis=0).max() for one in cracks]
    assert np.median(longest) > 0.06 * WIDTH_PX


def test_every_second_lot_is_learnt(tmp_path: Path) -> None:
    count = write_strips(tmp_path, lots=2)
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count == 2 * LOT
    assert {(row["lot"], row["split"]) for row in rows} == {
        ("lot-000", "train"),
        ("lot-001", "test"),
    }
    for row in rows:
        assert cv2.imread(str(tmp_path / row["path"])).shape == (HEIGHT_PX, WIDTH_PX, 3)
        assert (row["label"] == "cracked") == bool(row["mask"])
    assert {"good", "cracked"} == {row["label"] for row in rows}
