"""Stand-ins of detectors tell whether parts that are moved back show more small flaws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.image.alignment import make_alignment
from edge_agent.contracts.image.cut_out import CutOut
from edge_agent.contracts.image.input import ImageInput, Region, Tiling
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.prepare import read_picture, seen_tiles
from trainer.data.split import Split
from trainer.models.image.alignment_trial import LEAST_FLAWS, STAND_INS, find_flaws, shown_by
from trainer.models.image.auto_anomaly import CANDIDATES
from trainer.models.image.trial_features import Read, reader

SIDE_PX = 96
SPEC = ImageInput(width_px=SIDE_PX, height_px=SIDE_PX)
NAMES = tuple(STAND_INS)

pytestmark = pytest.mark.usefixtures("small_backbone")


@pytest.fixture(scope="module")
def read() -> Read:
    return reader(SPEC.shape, FitConfig(weights="none"), SilentProgress(), "trial of alignment")


def boards(folder: Path, learnt: int, judged: int, side_px: int = 2 * SIDE_PX) -> Split:
    """One printed board at any angle, in the noise of a camera and in light that falls off to one
    side of the frame.
    """
    drawn, rng = np.random.default_rng(3), np.random.default_rng(4)
    board = np.full((side_px, side_px, 3), 180, np.uint8)
    edge, size = side_px // 5, side_px // 10
    cv2.rectangle(board, (edge, edge), (side_px - edge, side_px - edge), (40, 90, 50), -1)
    for _ in range(25):
        left, top = (int(one) for one in drawn.integers(edge, side_px - edge - size, 2))
        wide, high = (int(one) for one in drawn.integers(size // 3, size, 2))
        colour = [int(one) for one in drawn.integers(0, 256, 3)]
        cv2.rectangle(board, (left, top), (left + wide, top + high), colour, -1)
    (folder / "good").mkdir(parents=True)
    light = np.linspace(0.92, 1.08, side_px)[None, :, None]
    middle = (side_px - 1) / 2
    for number in range(learnt + judged):
        turn = cv2.getRotationMatrix2D((middle, middle), rng.uniform(-180, 180), 1.0)
        moved = cv2.warpAffine(board, turn, (side_px, side_px), borderValue=(180, 180, 180))
        frame = np.clip(moved * light + rng.normal(0, 2, moved.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "good" / f"{number:03d}.png"), frame)
    (folder / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    every = np.arange(learnt + judged)
    return Split(load_dataset(folder), every[:learnt], every[learnt:], every[:0], "drawn")


def aligned(split: Split) -> ImageInput:
    alignment = make_alignment(read_picture(split.dataset, 0), 180.0, 0.15)
    return SPEC.model_copy(update={"align": alignment})


def test_each_detector_that_auto_anomaly_may_become_has_a_stand_in() -> None:
    assert {one.name for one in CANDIDATES} == set(NAMES)


def test_of_a_printed_part_each_stand_in_finds_more_where_it_is_moved_back(
    tmp_path: Path, read: Read
) -> None:
    """The light would hide the part's edge from what draws flaws, were it not the same frame."""
    split = boards(tmp_path, 24, 12)
    plain, moved = (
        find_flaws(one, NAMES, read, 0) for one in shown_by(split, [SPEC, aligned(split)], 0)
    )
    for as_it_lies, back in zip(plain, moved, strict=True):
        assert as_it_lies.defects == back.defects == LEAST_FLAWS
        assert back.auroc > as_it_lies.auroc
        assert back.recall > as_it_lies.recall


def test_each_way_sees_the_same_parts_and_flaws(tmp_path: Path) -> None:
    split = boards(tmp_path, 6, 4)
    first, second = shown_by(split, [SPEC, SPEC], 0)
    for name in ("learnt", "judged", "flawed"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert len(first.flawed) == LEAST_FLAWS
    again = np.tile(first.judged, (LEAST_FLAWS // 4, 1, 1, 1, 1))
    assert (again != first.flawed).any(axis=(1, 2, 3, 4)).mean() > 0.9


def test_flaws_lie_in_the_region_that_is_inspected(tmp_path: Path) -> None:
    split = boards(tmp_path, 6, 4)
    corner = SPEC.model_copy(update={"region": Region(left=0.7, top=0.1, width=0.3, height=0.2)})
    (shown,) = shown_by(split, [corner], 0)
    again = np.tile(shown.judged, (LEAST_FLAWS // 4, 1, 1, 1, 1))
    assert (again != shown.flawed).any(axis=(1, 2, 3, 4)).mean() > 0.9


def test_of_a_part_in_tiles_the_worst_one_decides(tmp_path: Path, read: Read) -> None:
    split = boards(tmp_path, 25, 3)
    tiled = SPEC.model_copy(update={"tiles": Tiling(rows=2, columns=2, overlap=0.0)})
    (shown,) = shown_by(split, [tiled], 0)
    assert shown.learnt.shape == (20, 4, SIDE_PX, SIDE_PX, 3), "fewer parts than without tiles"
    assert shown.judged.shape == (3, 4, SIDE_PX, SIDE_PX, 3)
    assert [one.defects for one in find_flaws(shown, NAMES, read, 0)] == [LEAST_FLAWS] * 2


def test_pictures_of_a_large_camera_are_shrunk_first(tmp_path: Path) -> None:
    split = boards(tmp_path, 3, 2, side_px=1100)
    (shown,) = shown_by(split, [SPEC], 0)
    assert shown.judged.shape == (2, 1, SIDE_PX, SIDE_PX, 3)
    seen = cv2.resize(read_picture(split.dataset, 3), (SIDE_PX, SIDE_PX), None, 0, 0, 3)
    assert np.abs(shown.judged[0, 0].astype(float) - seen).mean() < 4


def rods_of_which_one_nearly_leaves(folder: Path) -> Split:
    """Dark rods in frames of 640 px, eight to learn and four others; the third of each lies 8 px
    from the frame's edge.
    """
    rng = np.random.default_rng(6)
    (folder / "good").mkdir(parents=True)
    for number in range(12):
        frame = rng.normal(200, 2, (640, 640, 3))
        left, top = (8, 300) if number in (2, 10) else rng.integers(100, 400, 2)
        frame[top : top + 40, left : left + 160] = 70
        cv2.imwrite(
            str(folder / "good" / f"{number:02d}.png"), np.clip(frame, 0, 255).astype(np.uint8)
        )
    (folder / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    every = np.arange(12)
    return Split(load_dataset(folder), every[:8], every[8:], every[:0], "drawn")


def test_a_good_part_that_is_lost_as_the_frame_shrinks_is_left_out(tmp_path: Path) -> None:
    """Of the frame as it came a station cuts it out."""
    split = rods_of_which_one_nearly_leaves(tmp_path)
    box = CutOut(
        along=0.3, across=0.1, turned=True, least_area=0.01, most_area=0.03, least_contrast=50
    )
    cut = SPEC.model_copy(update={"cut_out": box})
    assert all(seen_tiles(read_picture(split.dataset, one), cut).any() for one in range(12))
    plain, shown = shown_by(split, [SPEC, cut], 0, most_px=40)
    others = replace(split, train=np.delete(split.train, 2), val=np.delete(split.val, 2))
    for few, one in zip(shown_by(others, [SPEC, cut], 0, most_px=40), (plain, shown), strict=True):
        for name in ("learnt", "judged", "flawed"):
            assert np.array_equal(getattr(few, name), getattr(one, name))
    assert (len(shown.learnt), len(shown.judged), len(shown.flawed)) == (7, 3, LEAST_FLAWS)
    assert shown.judged.any(axis=(1, 2, 3, 4)).all()
    assert not shown_by(replace(split, val=split.val[2:3]), [cut], 0, most_px=40)[0].judged.any()


def test_a_part_that_is_lost_by_its_flaw_is_not_found(tmp_path: Path, read: Read) -> None:
    """Of 60 flaws, 15 ranked below every good part: the others' figures, times 45 / 60."""
    (shown,) = shown_by(boards(tmp_path, 6, 4), [SPEC], 0)
    flawed = shown.flawed.copy()
    flawed[:15] = 0
    some = find_flaws(replace(shown, flawed=flawed), NAMES, read, 0)
    others = find_flaws(replace(shown, flawed=flawed[15:]), NAMES, read, 0)
    for lost, seen in zip(some, others, strict=True):
        assert (lost.defects, seen.defects) == (LEAST_FLAWS, LEAST_FLAWS - 15)
        assert lost.auroc == pytest.approx(seen.auroc * 45 / 60, abs=0.01)
        assert lost.recall == pytest.approx(seen.recall * 45 / 60, abs=0.01)
