"""The pictures of the page: size, bar, heat map, and one encoding for all viewers."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.types import Image, Verdict
from edge_agent.web.bar import BAR_PX
from edge_agent.web.pictures import NARROWEST_PX, WIDEST_PX, Picture, Pictures, encode


def picture(image: Image, heat: np.ndarray | None = None, part_id: str = "p") -> Picture:
    return Picture("top", part_id, Verdict.FAIL, 1, 1, image, heat, None)


def shown(payload: bytes) -> Image:
    """The pixels in RGB, by OpenCV."""
    bgr = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(bgr, np.uint8)[..., ::-1]


@pytest.mark.parametrize(
    ("size", "width"),
    [
        ((40, 100), NARROWEST_PX),
        ((400, 640), 640),
        ((3000, 4000), WIDEST_PX),
        ((1, 5000), WIDEST_PX),
    ],
)
def test_a_picture_fits_the_page(size: tuple[int, int], width: int) -> None:
    pixels = shown(encode(picture(np.full((*size, 3), 90, np.uint8)), heat=False))
    height = max(1, round(size[0] * width / size[1]))
    assert pixels.shape == (height + BAR_PX, width, 3)


def test_a_picture_that_nothing_judged_has_no_bar() -> None:
    image = np.full((400, 640, 3), 90, np.uint8)
    found = shown(encode(dataclasses.replace(picture(image), has_bar=False), heat=True))
    assert found.shape == image.shape


def test_red_stays_red_and_the_bar_has_the_colour_of_the_verdict() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    image[..., 0] = 250
    pixels = shown(encode(picture(image, part_id="Teil äöü 😀\n"), heat=True)).astype(int)
    assert np.abs(pixels[200, 200] - (250, 0, 0)).max() < 12
    assert np.abs(pixels[-3, -3] - (210, 30, 30)).max() < 12


def test_the_heat_map_colours_the_place_that_it_found() -> None:
    heat = np.zeros((8, 8), np.float32)
    heat[1, 1] = 5.0
    image = np.full((400, 400, 3), 120, np.uint8)
    hot = shown(encode(picture(image, heat), heat=True)).astype(int)
    assert np.ptp(hot[75, 75]) > 60, "the place is coloured"
    assert np.abs(hot[350, 350] - 120).max() < 12, "the rest is as it was"
    plain = shown(encode(picture(image, heat), heat=False)).astype(int)
    assert np.abs(plain[75, 75] - 120).max() < 12


def test_one_picture_is_encoded_once_for_all_viewers() -> None:
    pictures = Pictures()
    image = np.zeros((4, 4, 3), np.uint8)
    assert pictures.jpeg("top", heat=False) is None
    pictures.show(channel="top", part_id="a", verdict=Verdict.PASS, at_ns=1, image=image)
    first = pictures.jpeg("top", heat=False)
    assert first is not None
    assert pictures.jpeg("top", heat=False) is first
    pictures.show(channel="top", part_id="b", verdict=Verdict.PASS, at_ns=2, image=image)
    second = pictures.jpeg("top", heat=False)
    assert second is not None
    assert second[0] == first[0] + 1
