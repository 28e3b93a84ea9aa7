"""Scans that a JPEG lost on the way; the pictures come from libjpeg-turbo and Pillow."""

from __future__ import annotations

import io
import itertools
import re
import struct

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.image.decode import decode_image
from edge_agent.contracts.image.jpeg_scans import jpeg_damage

SOFT = cv2.resize(
    np.random.default_rng(0).integers(0, 255, (12, 12, 3), np.uint8),
    (320, 240),
    interpolation=cv2.INTER_CUBIC,
)
END = b"\xff\xd9"


def progressive(image: np.ndarray = SOFT, quality: int = 90) -> bytes:
    out = io.BytesIO()
    Pillow.fromarray(image).save(out, "JPEG", progressive=True, quality=quality)
    return out.getvalue()


def scans_of(payload: bytes) -> list[int]:
    """Where each scan begins, with the tables before it."""
    begins = [found.start() for found in re.finditer(rb"\xff\xda", payload)]
    tables = [payload.find(b"\xff\xc4", *span) for span in itertools.pairwise([0, *begins])]
    return [at if at > 0 else begin for at, begin in zip(tables, begins, strict=True)]


@pytest.mark.parametrize("image", [SOFT, SOFT[..., 0]], ids=["colour", "grey"])
def test_a_progressive_picture_needs_its_last_scans(image: np.ndarray) -> None:
    payload = progressive(np.ascontiguousarray(image))
    decode_image(payload, "a")
    begins = scans_of(payload)
    assert len(begins) >= 6
    for begin in begins[1:]:
        with pytest.raises(InputError, match="a: damaged JPEG: its last scans are missing"):
            decode_image(payload[:begin] + END, "a")


@pytest.mark.parametrize("size", [80, 512, 2000])
def test_a_block_of_zeros_in_a_progressive_picture_is_damage(size: int) -> None:
    payload = progressive()
    at = scans_of(payload)[3] + 200
    with pytest.raises(InputError, match="a: damaged JPEG: "):
        decode_image(payload[:at] + bytes(size) + payload[at + size :], "a")


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_a_plain_progressive_picture_is_sound(level: int) -> None:
    for part in (0, 200, 1023):
        image = np.full((1024, 1280, 3), level, np.uint8)
        image[part:, :40] = 255 - level
        assert jpeg_damage(progressive(image)) == ""


def test_soft_and_noisy_progressive_pictures_are_sound() -> None:
    rng = np.random.default_rng(1)
    for quality in (5, 30, 75, 95, 100):
        for sigma in (0, 1, 40):
            noise = rng.normal(0, sigma, SOFT.shape)
            image = np.clip(SOFT.astype(np.float32) / 8 + 100 + noise, 0, 255).astype(np.uint8)
            assert jpeg_damage(progressive(image, quality)) == ""


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def test_a_colour_that_has_no_scan_is_missing() -> None:
    frame = segment(0xC0, b"\x08\x00\x10\x00\x10\x03\x01\x11\0\x02\x11\1\x03\x11\1")
    scans = [segment(0xDA, bytes([1, number, 0, 0, 63, 0])) + b"\x12" for number in (1, 2, 3)]
    assert jpeg_damage(b"\xff\xd8" + frame + b"".join(scans) + END) == ""
    told = jpeg_damage(b"\xff\xd8" + frame + scans[0] + END)
    assert told == "its last scans are missing (128 of 192 coefficients are not complete)"


def test_rubbish_in_the_place_of_a_scan_is_left_to_the_decoder() -> None:
    assert jpeg_damage(b"\xff\xd8" + segment(0xDA, b"\x09")) == ""
    assert jpeg_damage(b"\xff\xd8\xff") == ""
