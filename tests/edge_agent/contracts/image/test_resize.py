from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.image.input import ImageInput, prepare_image
from edge_agent.contracts.image.resize import Shrink, resize

METHODS: tuple[Shrink, ...] = ("areas", "halves", "exact")
SIZES = [(960, 1280), (720, 1280), (1080, 1920), (961, 1283), (480, 640), (270, 1280), (300, 300)]


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def exact(image: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    return cv2.resize(image.astype(np.float32), (width_px, height_px), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("shrink", METHODS)
@pytest.mark.parametrize("size", SIZES)
def test_shrinking_stays_near_the_mean_of_the_areas(size: tuple[int, int], shrink: Shrink) -> None:
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    wave = 128 + 60 * np.sin(columns / 23) + 50 * np.cos(rows / 31)
    frame = np.repeat(wave[:, :, None], 3, axis=2).astype(np.uint8)
    found = resize(frame, 224, 224, shrink).astype(int)
    assert np.abs(found - exact(frame, 224, 224)).max() < 2.5


def test_halves_stay_nearer_to_the_areas_of_a_noisy_camera_frame() -> None:
    frame = noise(960, 1280)
    wrong = {
        shrink: np.abs(resize(frame, 224, 224, shrink) - exact(frame, 224, 224)).mean()
        for shrink in METHODS
    }
    assert wrong["halves"] < 0.75 * wrong["areas"]


LINES = [(1280, 64), (800, 40), (430, 20), (330, 17)]
ODD_LINES = [(895, 45), (1791, 91), (445, 23)]
"""Sides that cannot be halved, just below four and eight times too large."""


@pytest.mark.parametrize(
    ("width", "height", "shrink"),
    [*[(*size, "halves") for size in LINES], *[(*size, "exact") for size in LINES + ODD_LINES]],
)
def test_a_line_of_one_pixel_shows_wherever_it_lies(
    width: int, height: int, shrink: Shrink
) -> None:
    depths = []
    for column in range(width // 2, width // 2 + 40):
        frame = np.full((height, width, 3), 200, np.uint8)
        frame[:, column] = 0
        depths.append(200 - resize(frame, 224, 16, shrink).min())
    area = 200 * 224 / width
    assert min(depths) > 0.25 * area


@pytest.mark.parametrize("size", [(300, 300), (447, 447), (200, 180), (224, 224)])
def test_pictures_less_than_twice_too_large_are_shrunk_as_ever(size: tuple[int, int]) -> None:
    frame = noise(*size)
    assert np.array_equal(resize(frame, 224, 224, "halves"), resize(frame, 224, 224, "areas"))


def test_the_picture_that_is_twice_too_large_becomes_the_mean_of_its_squares() -> None:
    frame = noise(448, 448)
    squares = frame.reshape(224, 2, 224, 2, 3).mean(axis=(1, 3))
    assert np.abs(resize(frame, 224, 224, "halves") - squares).max() <= 0.5


@pytest.mark.parametrize(("height", "halvings"), [(720, 1), (1080, 2)])
def test_a_wide_camera_frame_is_shrunk_in_integers(height: int, halvings: int) -> None:
    """Two to the power of `halvings`, then exactly twice the size, then means of squares."""
    frame = noise(height, height * 16 // 9)
    halved = frame
    for _ in range(halvings):
        halved = cv2.resize(halved, None, None, 0.5, 0.5, cv2.INTER_AREA)
    twice = cv2.resize(halved, (448, 448), interpolation=cv2.INTER_LINEAR).astype(int)
    squares = (twice.reshape(224, 2, 224, 2, 3).sum(axis=(1, 3)) + 2) // 4
    assert np.array_equal(resize(frame, 224, 224, "halves"), squares)


def test_a_manifest_that_names_no_method_keeps_the_old_one() -> None:
    spec = ImageInput.model_validate_json('{"width_px": 224, "height_px": 224}')
    frame = noise(960, 1280)
    quarter = cv2.resize(cv2.resize(frame, (640, 480), None, 0, 0, 3), (320, 240), None, 0, 0, 3)
    assert np.array_equal(
        prepare_image(frame, spec), cv2.resize(quarter, (224, 224), interpolation=cv2.INTER_AREA)
    )


EXACT = {
    (960, 1280, 224, 224): "9f1d40aa90242643",
    (720, 1280, 320, 320): "d48ce6366e4b15c6",
    (669, 800, 512, 512): "de726892de46dd97",
    (366, 900, 896, 352): "4f5fc27396b73fe2",
    (512, 384, 320, 320): "7207a74b9e619dbe",
    (100, 2000, 224, 224): "ddc01088bfbf058d",
    (90, 120, 224, 224): "1ccd383df9b1c843",
}
"""Height and width of a frame, width and height that it is brought to -> sha256, as x86-64 with
AVX-512 and an emulated Cortex-A72 gave it.
"""


@pytest.mark.parametrize(("case", "said"), EXACT.items())
def test_exact_steps_are_the_same_on_every_processor(
    case: tuple[int, int, int, int], said: str
) -> None:
    height, width, width_px, height_px = case
    found = resize(noise(height, width), width_px, height_px, "exact")
    assert found.shape == (height_px, width_px, 3)
    assert sha256_hex(found.tobytes())[:16] == said


def test_one_bilinear_step_of_an_exact_picture_is_rounded_once() -> None:
    """The formula: pixel centres, weights of the two neighbours of each side."""
    frame = noise(60, 80)[:, :, :1].repeat(3, axis=2)
    found = resize(frame, 64, 48, "exact").astype(float)
    along = np.clip((np.arange(64) + 0.5) * 80 / 64 - 0.5, 0, 79)
    down = np.clip((np.arange(48) + 0.5) * 60 / 48 - 0.5, 0, 59)
    grey = frame[:, :, 0].astype(float)
    rows = np.stack([np.interp(along, np.arange(80), row) for row in grey])
    said = np.stack([np.interp(down, np.arange(60), column) for column in rows.T]).T
    assert np.abs(found[:, :, 0] - said).max() <= 0.51
