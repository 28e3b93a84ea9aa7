"""Which frames are not fit to be judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle, islice

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.types import Image
from edge_agent.health.frame import (
    REMEMBERED,
    FrameHealth,
    FrameHealthTable,
    FrameHistory,
    usual_levels,
)


def noisy(level: int, seed: int, size: tuple[int, int] = (240, 320)) -> Image:
    noise = np.random.default_rng(seed).integers(-4, 5, (*size, 3))
    return np.clip(noise + level, 0, 255).astype(np.uint8)


def faults(images: Iterable[Image], health: FrameHealth | None = None) -> list[str]:
    health = health or FrameHealth(FrameHealthTable())
    return [health.fault(image) for image in images]


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (1, "dark frame"),
        (7, "dark frame"),
        (260, "saturated frame"),
        (30, ""),
        (120, ""),
        (240, ""),
    ],
)
def test_only_black_and_white_frames_are_unfit(level: int, words: str) -> None:
    fault = FrameHealth(FrameHealthTable()).fault(noisy(level, 0))
    assert fault.startswith(words)
    assert bool(fault) == bool(words)


def test_third_equal_frame_is_a_frozen_camera_and_a_new_one_mends_it() -> None:
    health = FrameHealth(FrameHealthTable(frozen_frames=3))
    same, other = noisy(120, 0), noisy(120, 1)
    found = [health.fault(image) for image in (same, same, same, same, other)]
    assert [bool(fault) for fault in found] == [False, False, True, True, False]
    assert "3 equal frames" in found[2]


@pytest.mark.parametrize("ring", [1, 2, 3, 4, REMEMBERED])
def test_a_ring_of_stale_buffers_passes_each_buffer_once(ring: int) -> None:
    buffers = [noisy(150, k) for k in range(ring)]
    found = faults(islice(cycle(buffers), 3 * ring + 2))
    assert sum(not fault for fault in found) == ring
    assert "frozen camera" in found[-1]


def frozen_with_a_clock() -> Iterator[Image]:
    still = noisy(150, 0, (960, 1280))
    for k in range(20):
        frame = still.copy()
        frame[:16, :160] = 10 * k
        yield frame


def frozen_but_for_a_pixel_between_the_samples() -> Iterator[Image]:
    for k in range(20):
        frame = noisy(150, 0, (960, 1280))
        frame[7::16, 9::16] ^= k & 1
        yield frame


@pytest.mark.parametrize(
    "frames", [frozen_with_a_clock, frozen_but_for_a_pixel_between_the_samples]
)
def test_a_frozen_picture_with_a_moving_detail_is_frozen(frames: object) -> None:
    found = faults(frames())
    assert sum(not fault for fault in found) == 1


def half(colour: tuple[int, int, int], where: tuple[slice, slice]) -> list[Image]:
    frames = [noisy(150, k) for k in range(20)]
    for frame in frames:
        frame[where] = colour
    return frames


LOWER, UPPER = (slice(120, None), slice(None)), (slice(None, 120), slice(None))
RIGHT, BAND = (slice(None), slice(160, None)), (slice(60, 100), slice(None))


@pytest.mark.parametrize(
    "where", [LOWER, UPPER, RIGHT, BAND], ids=["lower", "upper", "right", "band"]
)
@pytest.mark.parametrize(
    "colour",
    [(128, 128, 128), (0, 135, 0), (0, 0, 0), (255, 0, 255)],
    ids=["grey", "green", "black", "magenta"],
)
def test_a_frame_without_a_part_of_its_picture_is_incomplete(
    colour: tuple[int, int, int], where: tuple[slice, slice]
) -> None:
    found = faults(half(colour, where))
    assert all("incomplete frame" in fault for fault in found)


def test_an_even_surface_that_a_jpeg_has_smoothed_is_a_picture() -> None:
    frames = []
    for k in range(6):
        _, packed = cv2.imencode(".jpg", noisy(200, k, (120, 160)), [cv2.IMWRITE_JPEG_QUALITY, 60])
        frames.append(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8))
    assert faults(frames) == [""] * 6


def test_parts_on_an_even_background_are_a_picture() -> None:
    frames = [np.full((240, 320, 3), (210, 212, 209), np.uint8) for _ in range(4)]
    for k, frame in enumerate(frames):
        frame[60:100, 40 + k : 160 + k] = noisy(110, k, (40, 120))
    assert faults(frames) == [""] * 4


def test_a_screen_of_one_colour_is_no_picture() -> None:
    blue = np.full((240, 320, 3), (0, 0, 180), np.uint8)
    assert "incomplete frame: 100%" in faults([blue])[0]


def test_the_lower_half_of_the_frame_before_is_a_torn_frame() -> None:
    before, after = noisy(150, 0), noisy(150, 1)
    torn = np.concatenate([after[:120], before[120:]])
    words = "torn frame: its upper or lower part is an earlier frame's"
    assert faults([before, torn, noisy(150, 2)]) == ["", words, ""]


def test_equal_white_backgrounds_are_no_stale_frame() -> None:
    frames = [np.full((240, 320, 3), 255, np.uint8) for _ in range(6)]
    for k, frame in enumerate(frames):
        frame[60:180, 80:240] = noisy(90, k, (120, 160))
    assert faults(frames) == [""] * 6


def test_a_time_stamp_that_stands_still_is_a_stale_frame() -> None:
    health = FrameHealth(FrameHealthTable())
    found = [health.fault(noisy(150, k), at) for k, at in enumerate([10, 20, 20, 30])]
    assert [bool(fault) for fault in found] == [False, False, True, False]
    assert "time stamp did not advance" in found[2]


def test_what_is_usual_for_the_line_comes_from_its_golden_pictures() -> None:
    dark_field = [noisy(5, k) for k in range(8)]
    usual = usual_levels(dark_field)
    assert faults(dark_field, FrameHealth(FrameHealthTable(), None, usual)) == [""] * 8
    letterbox = half((0, 0, 0), LOWER)[:8]
    usual = usual_levels(letterbox)
    assert faults(letterbox, FrameHealth(FrameHealthTable(), None, usual)) == [""] * 8


@pytest.mark.parametrize(("level", "fit"), [(150, True), (60, True), (12, False)])
def test_a_lamp_that_is_out_is_seen_against_the_golden_pictures(level: int, fit: bool) -> None:
    health = FrameHealth(FrameHealthTable(), None, usual_levels([noisy(150, k) for k in range(8)]))
    assert (health.fault(noisy(level, 99)) == "") == fit


def test_one_of_two_lamps_out_darkens_a_part_of_the_frame() -> None:
    health = FrameHealth(FrameHealthTable(), None, usual_levels([noisy(150, k) for k in range(8)]))
    frame = noisy(150, 99)
    frame[:, 160:] = noisy(12, 98)[:, 160:]
    assert "dark in 50% of the frame" in health.fault(frame)


def test_a_history_survives_disk_and_a_new_bundle() -> None:
    history = FrameHistory()
    stuck = noisy(150, 0)
    faults([noisy(150, 1), stuck], FrameHealth(FrameHealthTable(), history))
    after = FrameHistory()
    after.restore(history.dump(), history.equal)
    assert "2 equal frames" in FrameHealth(FrameHealthTable(), after).fault(stuck)
    with pytest.raises(ValueError, match="another size"):
        after.restore(["00ff"], 1)


def test_switched_off_limits_let_everything_through() -> None:
    limits = FrameHealthTable(dark_mean=0, saturated_share=1, frozen_frames=0, flat_share=1)
    health = FrameHealth(limits)
    for level in (0, 0, 0, 255, 255, 255):
        assert health.fault(np.full((64, 64, 3), level, np.uint8)) == ""


def live(seed: int) -> Image:
    return np.random.default_rng(seed).integers(90, 160, (96, 128, 3), np.uint8)


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.8])
def test_a_frame_whose_last_row_is_repeated_is_incomplete(kept: float) -> None:
    frame, rows = live(0), round(96 * kept)
    frame[rows:] = frame[rows - 1]
    fault = FrameHealth(FrameHealthTable()).fault(frame)
    assert fault.startswith("incomplete frame: its last")
    assert fault.endswith("repeat one row; look at the camera's cable and bandwidth")


def test_a_white_lower_half_repeats_no_picture() -> None:
    frame = live(0)
    frame[48:] = 255
    assert FrameHealth(FrameHealthTable()).fault(frame) == ""


@pytest.mark.parametrize("channel", range(3))
def test_a_colour_that_is_lost_is_seen_against_the_golden_pictures(channel: int) -> None:
    health = FrameHealth(FrameHealthTable(), usual=usual_levels([live(1), live(2)]))
    frame = live(3)
    assert health.fault(frame) == ""
    frame[..., channel] = 7
    assert health.fault(frame).startswith("incomplete frame: one of its colours is lost")


def test_a_line_under_red_light_has_no_other_colour_to_lose() -> None:
    red = live(1)
    red[..., 1:] = 0
    frame = live(2)
    frame[..., 1:] = 0
    assert FrameHealth(FrameHealthTable(), usual=usual_levels([red])).fault(frame) == ""


def test_the_history_goes_to_disk_as_its_last_16_frames_in_their_order() -> None:
    history = FrameHistory()
    shown = [live(seed) for seed in range(20)]
    for frame in shown:
        history.compare(frame, 0.9)
    last = FrameHistory()
    for frame in shown[4:]:
        last.compare(frame, 0.9)
    assert history.dump() == last.dump()
    after = FrameHistory()
    after.restore(history.dump(), history.equal)
    after.compare(shown[3], 0.9)
    assert after.equal == 1  # forgotten
    after.compare(shown[5], 0.9)
    assert after.equal == 2  # remembered
