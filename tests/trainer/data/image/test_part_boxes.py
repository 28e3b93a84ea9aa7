"""The box of small parts holds each good one, and is learnt only where parts stand out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.input import Region
from trainer.data.image.part_boxes import box_of, box_of_good, seen_in, shows_a_part, small_box
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset

WHOLE = Region()


def bar(
    rng: np.random.Generator, long: float = 90, wide: float = 18, turn_deg: float | None = None
) -> Image:
    """A dark bar, at any angle where none is given, somewhere in the middle of 400 x 300 px."""
    frame = rng.normal(200, 3, (300, 400, 3))
    place, any_deg = tuple(rng.uniform((150, 110), (250, 190))), rng.uniform(0, 180)
    corners = cv2.boxPoints((place, (long, wide), any_deg if turn_deg is None else turn_deg))
    cv2.fillPoly(frame, [np.rint(corners).astype(np.int32)], (70, 70, 70))
    return np.clip(frame, 0, 255).astype(np.uint8)


def written(folder: Path, pictures: list[Image]) -> Dataset:
    (folder / "good").mkdir(parents=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / "good" / f"{number:02d}.png"), picture)
    (folder / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    return load_dataset(folder)


def bars(folder: Path, *others: Image, count: int = 40) -> Dataset:
    rng = np.random.default_rng(2)
    return written(folder, [*(bar(rng) for _ in range(count - len(others))), *others])


def every(dataset: Dataset) -> np.ndarray:
    return np.arange(len(dataset.samples))


def test_the_box_holds_a_bar_with_a_margin(tmp_path: Path) -> None:
    box = box_of_good(bars(tmp_path), np.arange(40), WHOLE)
    assert box.turned
    assert box.along * 400 == pytest.approx(90 * 1.08, abs=6)
    assert box.across * 400 == pytest.approx(18 + 0.08 * 90, abs=6)
    area = 90 * 18 / (400 * 300)
    assert box.least_area == pytest.approx(area / 2, rel=0.2)
    assert box.most_area == pytest.approx(area * 1.5, rel=0.2)
    assert box.least_contrast == pytest.approx(65, abs=12)


def test_parts_as_wide_as_long_are_not_turned(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    box = box_of_good(
        written(tmp_path, [bar(rng, 50, 50) for _ in range(12)]), np.arange(12), WHOLE
    )
    assert not box.turned
    assert 50 < box.along * 400 < 50 * 1.42 * 1.2


def test_a_slanting_bar_is_seen_along_itself_and_as_it_lies(tmp_path: Path) -> None:
    dataset = written(tmp_path, [bar(np.random.default_rng(4), 120, 20, turn_deg=30.0)])
    shown = seen_in(dataset, 0, WHOLE)
    assert shown.turned is not None
    assert shown.upright is not None
    assert shown.turned.place.turn_deg == pytest.approx(30, abs=1)
    upright = 120 * np.cos(np.pi / 6) + 20 / 2, 120 / 2 + 20 * np.cos(np.pi / 6)
    for extent, sides in ((shown.turned, (120, 20)), (shown.upright, upright)):
        assert (extent.along * 400, extent.across * 400) == pytest.approx(sides, abs=5)
    assert shown.upright.place.turn_deg == 0
    assert shown.upright.place.x == pytest.approx(shown.turned.place.x, abs=2 / 400)


def nail(rng: np.random.Generator) -> Image:
    """A dark bar with a head at one end, at any angle."""
    frame = rng.normal(200, 3, (300, 400, 3))
    turn, middle = rng.uniform(0, 2 * np.pi), rng.uniform((150, 110), (250, 190))
    to_frame = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shape = [(-45, -14), (-45, 14), (-33, 14), (-33, 5), (45, 5), (45, -5), (-33, -5), (-33, -14)]
    laid = np.rint(np.array(shape) @ to_frame.T + middle).astype(np.int32)
    cv2.fillPoly(frame, [laid], (70, 70, 70))
    return np.clip(frame, 0, 255).astype(np.uint8)


def test_parts_with_a_heavier_end_lie_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    nails = written(tmp_path / "nails", [nail(rng) for _ in range(20)])
    box = box_of_good(nails, every(nails), WHOLE)
    assert box.turned
    assert box.heavy_end_left
    assert "with its heavier end to the left" in box.sentence()
    assert not box_of_good(bars(tmp_path / "bars"), np.arange(40), WHOLE).heavy_end_left


def test_parts_that_stand_are_turned_around_the_upright(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    standing = written(tmp_path, [bar(rng, turn_deg=rng.uniform(85, 95)) for _ in range(20)])
    assert abs(box_of_good(standing, every(standing), WHOLE).around_deg) == pytest.approx(90, abs=2)


def test_what_is_dust_beside_a_good_part_is_dust_on_the_station(tmp_path: Path) -> None:
    """Beside the largest parts lies what is half as large as the smallest, and no part."""
    pictures = []
    for number in range(40):
        frame = np.full((300, 400, 3), 200, np.uint8)
        radius = 17 + 9 * number // 39
        cv2.circle(frame, (200, 150), radius, (70, 70, 70), -1)
        if number >= 34:
            cv2.circle(frame, (300, 60), 13, (70, 70, 70), -1)
        pictures.append(frame)
    dataset = written(tmp_path, pictures)
    box = box_of_good(dataset, every(dataset), WHOLE)
    assert box.least_area * 400 * 300 < 13**2 * np.pi
    assert all(shows_a_part(seen_in(dataset, n, WHOLE), box) for n in range(40))


def test_the_region_is_the_frame(tmp_path: Path) -> None:
    dataset = bars(tmp_path)
    half = Region(left=0.15, top=0.0, width=0.7, height=1.0)
    box = box_of_good(dataset, every(dataset), half)
    assert box.along * 400 * 0.7 == pytest.approx(90 * 1.08, abs=6)


def test_a_few_odd_pictures_neither_shape_the_box_nor_show_a_part(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    empty = np.clip(rng.normal(200, 3, (300, 400, 3)), 0, 255).astype(np.uint8)
    long = bar(rng, 180, 30)
    plain = box_of_good(bars(tmp_path / "plain", count=38), np.arange(38), WHOLE)
    dataset = bars(tmp_path / "odd", empty, long)
    shown = [seen_in(dataset, int(one), WHOLE) for one in every(dataset)]
    box = box_of(shown)
    assert box == plain
    assert [shows_a_part(one, plain) for one in shown] == [True] * 38 + [False] * 2


def test_where_a_tenth_shows_no_part_no_box_is_learnt(tmp_path: Path) -> None:
    empty = np.full((300, 400, 3), 200, np.uint8)
    dataset = bars(tmp_path, *[empty] * 4)
    with pytest.raises(ConfigError, match="not nearly all of 40 good training pictures") as refused:
        box_of_good(dataset, every(dataset), WHOLE)
    assert "[image] cut_out" in str(refused.value)


def test_surfaces_and_parts_at_the_edge_have_no_box(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    noise = [rng.integers(0, 256, (300, 400, 3)).astype(np.uint8) for _ in range(8)]
    at_edge = []
    for _ in range(8):
        frame = np.full((300, 400, 3), 200, np.uint8)
        frame[120:170, :90] = 60
        at_edge.append(frame)
    for name, pictures in (("noise", noise), ("edge", at_edge)):
        dataset = written(tmp_path / name, pictures)
        assert box_of([seen_in(dataset, int(one), WHOLE) for one in every(dataset)]) is None


def test_a_picture_that_changed_is_read_anew(tmp_path: Path) -> None:
    dataset = bars(tmp_path, count=12)
    before = seen_in(dataset, 0, WHOLE)
    path = dataset.file(0)
    cv2.imwrite(str(path), np.full((300, 400, 3), 200, np.uint8))
    assert before.has_one_part
    assert not seen_in(dataset, 0, WHOLE).has_one_part


def test_parts_are_small_where_their_box_has_less_than_half_of_the_frame(tmp_path: Path) -> None:
    small = bars(tmp_path / "small", count=12)
    box = small_box(small, every(small), WHOLE)
    assert box == box_of_good(small, every(small), WHOLE)
    assert box is not None
    assert box.sentence().startswith("a box of 25% x 7% of the frame's width, turned")
    large = np.full((300, 400, 3), 200, np.uint8)
    cv2.circle(large, (200, 150), 120, (70, 70, 70), -1)
    discs = written(tmp_path / "large", [large] * 12)
    assert small_box(discs, every(discs), WHOLE) is None


@pytest.mark.parametrize(("height", "has_box"), [(640, True), (2000, False)])
def test_long_parts_in_high_frames_have_a_box_up_to_eight_times_the_width(
    tmp_path: Path, height: int, *, has_box: bool
) -> None:
    frame = np.full((height, 160, 3), 200, np.uint8)
    frame[height // 8 : -height // 8, 60:90] = 70
    dataset = written(tmp_path, [frame] * 12)
    box = small_box(dataset, every(dataset), WHOLE)
    assert (box is not None) is has_box
    if box is not None:
        assert box.along * 160 == pytest.approx(480 * 1.08, abs=8)
