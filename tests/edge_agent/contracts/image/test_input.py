from __future__ import annotations

import struct
from pathlib import Path
from zlib import compress, crc32

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.image.decode import decode_image, read_image
from edge_agent.contracts.image.input import ImageInput, Region, prepare_image


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    fit=st.sampled_from(["stretch", "crop", "pad"]),
    channels=st.sampled_from([1, 3]),
)
def test_any_picture_becomes_the_shape_of_the_spec(
    height: int, width: int, fit: str, channels: int
) -> None:
    spec = ImageInput(width_px=40, height_px=24, fit=fit, channels=channels)
    tensor = prepare_image(picture(height, width), spec)
    assert tensor.shape == spec.shape
    assert tensor.dtype == np.uint8
    assert tensor.flags["C_CONTIGUOUS"]


def test_picture_of_the_right_size_passes_unchanged() -> None:
    image = picture(24, 40)
    assert np.array_equal(prepare_image(image, ImageInput(width_px=40, height_px=24)), image)


@pytest.mark.parametrize("level", [0, 1, 255])
def test_flat_frame_is_scaled_like_any_other(level: int) -> None:
    flat = np.full((480, 640, 3), level, np.uint8)
    tensor = prepare_image(flat, ImageInput(width_px=64, height_px=64))
    assert (tensor == level).all()


def test_red_stays_first() -> None:
    image = np.zeros((50, 50, 3), np.uint8)
    image[..., 0] = 200
    tensor = prepare_image(image, ImageInput(width_px=10, height_px=10))
    assert (tensor[..., 0] == 200).all()
    assert (tensor[..., 2] == 0).all()


def test_crop_keeps_the_centre() -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = 255
    assert (prepare_image(image, ImageInput(width_px=50, height_px=50, fit="crop")) == 255).all()


def test_pad_keeps_the_aspect() -> None:
    image = np.full((100, 200, 3), 255, np.uint8)
    tensor = prepare_image(image, ImageInput(width_px=80, height_px=80, fit="pad"))
    assert (tensor[:19] == 0).all()
    assert (tensor[21:59] == 255).all()


def test_region_is_cut_before_the_resize() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[50:, 50:] = 255
    quarter = Region(left=0.5, top=0.5, width=0.5, height=0.5)
    spec = ImageInput(width_px=20, height_px=20, region=quarter)
    assert (prepare_image(image, spec) == 255).all()


@pytest.mark.parametrize(
    "bad",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32),
     np.zeros((0, 4, 3), np.uint8)],
    ids=["grey", "rgba", "float", "empty"],
)  # fmt: skip
def test_other_arrays_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected uint8"):
        prepare_image(bad, ImageInput(width_px=8, height_px=8))


def test_file_reads_as_rgb(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), np.full((4, 4, 3), (0, 0, 255), np.uint8))
    assert (read_image(path) == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "the file is empty"),
        (b"\xff\xd8\xff", "truncated JPEG"),
        (b"text", "not a read"),
    ],
)
def test_bad_file_is_named(payload: bytes, said: str) -> None:
    with pytest.raises(InputError, match=rf"part\.jpg: {said}"):
        decode_image(payload, "part.jpg")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.png: cannot be read"):
        read_image(tmp_path / "none.png")


def test_header_that_claims_a_giant_picture_is_an_unreadable_image() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    payload = (
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", compress(bytes(99))) + chunk(b"IEND", b"")
    )
    with pytest.raises(InputError, match=r"huge\.png: 60000x60000 pixels"):
        decode_image(payload, "huge.png")
