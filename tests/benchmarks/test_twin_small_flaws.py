"""The set of small flaws: each is as large as its row says, and its mask lies on it."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from benchmarks.image_splits import good_ones_as_given
from benchmarks.twin_small_flaws import LARGEST, SEED, SMALLEST, mask_of, small_flawed, write_twin
from edge_agent.simulator.parts import BORE, LOT, RADIUS, covered, truth
from edge_agent.simulator.scene import render_part

FACE_PX = np.pi * (RADIUS * 480) ** 2 * (1 - BORE**2)


def test_flaws_cover_the_share_of_the_face_that_is_asked() -> None:
    flaws = [part.defect for k in range(300) if (part := small_flawed(SEED, k)).defect]
    shares = np.array([covered(flaw) for flaw in flaws if flaw])
    assert SMALLEST * 0.99 <= shares.min() < 0.0035
    assert 0.010 < shares.max() <= LARGEST * 1.01
    assert {flaw.kind for flaw in flaws if flaw} == {"chip", "pit", "scratch"}


def test_a_picture_differs_from_the_good_one_within_its_mask_and_hardly_elsewhere() -> None:
    for k in range(60):
        part, good = small_flawed(SEED, k), truth(SEED, k, 0.0)
        if part.defect is None:
            continue
        mask = mask_of(part, part.defect)
        assert 0.5 * SMALLEST < (mask > 0).sum() / FACE_PX < 1.5 * LARGEST
        pair = [render_part(one, 640, 480).astype(np.int16) for one in (part, good)]
        changed = np.abs(pair[0] - pair[1]).max(axis=2) > 12
        near = cv2.dilate(mask, np.ones((13, 13), np.uint8)) > 0
        assert changed[mask > 0].any()
        assert changed[near].sum() >= 0.95 * changed.sum()


def test_the_set_is_read_by_lots_and_its_good_parts_of_train_are_learnt(tmp_path: Path) -> None:
    count = write_twin(tmp_path, seed=2, lots=3, learnt=2)
    assert count == 3 * LOT
    (split,) = good_ones_as_given(tmp_path)
    samples = split.dataset.samples
    seen = [*split.train, *split.val]
    assert {samples[one].label for one in seen} == {"good"}
    assert {samples[one].group for one in split.test} == {"lot-002"}
    rows = list(csv.DictReader((tmp_path / "labels.csv").read_text().splitlines()))
    flawed = [row for row in rows if row["label"] == "flawed"]
    assert len(flawed) > 10
    assert all((tmp_path / row["mask"]).is_file() for row in flawed)
