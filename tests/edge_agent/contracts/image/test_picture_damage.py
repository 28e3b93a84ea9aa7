"""Damage that decoders pass over in silence; the pictures come from OpenCV's encoders."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.decode import decode_image
from edge_agent.contracts.image.picture_damage import refuse_damage
from edge_agent.contracts.image.picture_header import read_header


def scene(seed: int = 0) -> Image:
    small = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), np.uint8)
    return np.asarray(cv2.resize(small, (160, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


def encoded(suffix: str, image: Image | None = None, *options: int) -> bytes:
    if suffix == ".webp":
        options = (cv2.IMWRITE_WEBP_QUALITY, 80)  # lossy, as cameras and phones write it
    return cv2.imencode(suffix, scene() if image is None else image, options)[1].tobytes()


def zeroed(payload: bytes, at: int, size: int) -> bytes:
    return payload[:at] + bytes(size) + payload[at + size :]


@pytest.mark.parametrize("size", [80, 200, 512, 4096])
@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_a_block_of_zeros_in_compressed_data_is_damage(suffix: str, size: int) -> None:
    payload = encoded(suffix, np.asarray(cv2.resize(scene(), (640, 480)), np.uint8))
    with pytest.raises(InputError, match=r"a: damaged (JPEG|WebP): "):
        decode_image(zeroed(payload, len(payload) // 2, size), "a")


def test_an_end_of_zeros_is_damage() -> None:
    payload = encoded(".webp")
    with pytest.raises(InputError, match="damaged WebP: zeros in its middle, from byte"):
        decode_image(zeroed(payload, len(payload) - 200, 200), "a")


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("optimised", [0, 1], ids=["usual tables", "own tables"])
@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_a_plain_picture_is_sound(suffix: str, level: int, optimised: int) -> None:
    """With tables of its own a JPEG codes a plain area in zeros."""
    image = np.full((480, 640, 3), level, np.uint8)
    options = [cv2.IMWRITE_JPEG_OPTIMIZE, optimised] if suffix == ".jpg" else []
    assert decode_image(encoded(suffix, image, *options), "a").shape == image.shape


def test_zeros_behind_the_end_of_a_jpeg_do_no_harm() -> None:
    decode_image(encoded(".jpg") + bytes(4096), "a")


@pytest.mark.parametrize("progressive", [0, 1])
def test_many_pictures_are_sound(progressive: int) -> None:
    for seed in range(20):
        for quality in (30, 75, 95):
            options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
            payload = encoded(".jpg", scene(seed), *options)
            refuse_damage(payload, read_header(payload, "a"), "a")


def test_a_strip_that_cannot_be_unpacked_is_damage(capfd: pytest.CaptureFixture[str]) -> None:
    payload = encoded(".tif")  # LZW, by default
    assert decode_image(payload, "a").shape == (120, 160, 3)
    with pytest.raises(InputError, match=r"a: damaged TIFF: .*LZWDecode"):
        decode_image(zeroed(payload, len(payload) // 2, 200), "a")
    assert capfd.readouterr().err == ""


def test_a_tiff_without_its_width_is_no_traceback() -> None:
    payload = encoded(".tif")
    with pytest.raises(InputError, match="truncated TIFF"):
        decode_image(zeroed(payload, len(payload) - 1000, 1000), "a")


def test_a_jpeg_of_no_frame_is_left_to_the_decoder() -> None:
    header = read_header(encoded(".jpg"), "a")
    refuse_damage(b"\xff\xd8\xff\xda" + struct.pack(">H", 2) + bytes(200), header, "a")
