"""Made screws: small in their frames, flawed where the mask says so, and nowhere else."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import made_screws
from benchmarks.made_screws import KINDS, drawn, frame_of, write_screws
from edge_agent.contracts.image.input import Region
from trainer.data.image.part_boxes import small_box
from trainer.data.load import load_dataset


@pytest.mark.parametrize("kind", KINDS)
def test_a_flaw_is_small_and_where_its_mask_says(kind: str) -> None:
    good, bad = (drawn(np.random.default_rng(4), one) for one in ("", kind))
    differs = np.abs(good.body * good.cover - bad.body * bad.cover) > 0.02
    part = bad.flaw > 0
    assert 0 < part.sum() < 0.06 * (good.cover > 0.5).sum()
    grown = cv2.dilate(part.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    if kind in ("thread", "tip"):  # drawn with the same numbers: what differs is the flaw alone
        assert not (differs & ~grown).any()
    frame, mask = frame_of(np.random.default_rng(4), kind)
    assert frame.shape == (1024, 1024, 3)
    assert 0 < (mask > 0).mean() < 0.002


def test_a_set_is_learnt_by_lots_and_its_parts_are_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LEARNT_LOTS", 2), ("TEST_LOTS", 1), ("LOT", 6), ("FLAWED_OF_KIND", 1)):
        monkeypatch.setattr(made_screws, name, value)
    assert write_screws(tmp_path) == 3 * 6 + len(KINDS)
    rows = list(csv.DictReader((tmp_path / "labels.csv").read_text().splitlines()))
    assert {row["split"] for row in rows if row["label"] == "flawed"} == {"test"}
    assert sorted(row["kind"] for row in rows if row["kind"]) == sorted(KINDS)
    dataset = load_dataset(tmp_path)
    box = small_box(dataset, np.flatnonzero(~dataset.is_bad()), Region())
    assert box is not None
    assert box.turned
    assert box.along == pytest.approx(600 / 1024 + 0.05, abs=0.03)
