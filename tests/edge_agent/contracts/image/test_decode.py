from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.image.decode import decode_image, read_image
from edge_agent.contracts.image.picture_header import MOST_PIXELS

RNG = np.random.default_rng(7)
SMOOTH = cv2.resize(RNG.integers(0, 255, (12, 18, 3), dtype=np.uint8), (179, 121))
JPEG_BASE = [cv2.IMWRITE_JPEG_QUALITY, 85]


def encoded(suffix: str, *options: int, pixels: np.ndarray = SMOOTH) -> bytes:
    done, payload = cv2.imencode(suffix, pixels, list(options))
    assert done
    return payload.tobytes()


def by_opencv(payload: bytes) -> np.ndarray:
    """Another library's opinion: OpenCV, which applies the EXIF orientation itself."""
    pixels = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    exif = b"Exif\0\0" + b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    exif += b"\0\0\0\0"
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@pytest.mark.parametrize(
    "payload",
    [
        encoded(".png"),
        encoded(".bmp"),
        encoded(".tif"),
        encoded(".tif", cv2.IMWRITE_TIFF_COMPRESSION, 8),
        encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 80),
        encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
        encoded(".png", pixels=SMOOTH[:, :, 0]),
        encoded(".jpg", pixels=SMOOTH[:, :, 0]),
        *(
            encoded(".jpg", *JPEG_BASE, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor)
            for factor in (0x411111, 0x221111, 0x211111, 0x111111)
        ),
        encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        encoded(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 3),
    ],
)
def test_a_whole_picture_has_the_pixels_that_opencv_gives(payload: bytes) -> None:
    assert np.array_equal(decode_image(payload, "x"), by_opencv(payload))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied_as_opencv_does(orientation: int) -> None:
    turned = with_orientation(encoded(".jpg"), orientation)
    assert np.array_equal(decode_image(turned, "x"), by_opencv(turned))


LARGE = encoded(".jpg", *JPEG_BASE, pixels=cv2.resize(SMOOTH, (640, 480)))
MIDDLE = len(LARGE) // 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b[:MIDDLE] + bytes(512) + b[MIDDLE + 512 :], "damaged JPEG"),
        (lambda b: b[:MIDDLE] + b[MIDDLE + 700 :], "damaged JPEG"),
        (lambda b: b[:MIDDLE] + b"\xff\xd9", "damaged JPEG"),
        (lambda b: b[:MIDDLE], "damaged JPEG"),
        (lambda b: b[: len(b) // 3] + bytes(2 * len(b) // 3), "damaged JPEG"),
        (lambda b: b[:100], "truncated JPEG"),
        (lambda b: b[:3], "truncated JPEG"),
    ],
    ids=["zeroed block", "lost bytes", "cut and closed", "cut", "two thirds zero", "head", "start"],
)
def test_a_damaged_jpeg_is_refused(damage: Callable[[bytes], bytes], message: str) -> None:
    with pytest.raises(InputError, match=f"part.jpg: {message}"):
        decode_image(damage(LARGE), "part.jpg")


def test_data_after_the_end_of_a_jpeg_does_no_harm() -> None:
    whole = decode_image(LARGE, "x")
    for tail in (b"MotionPhoto_Data\0\0\0\x18ftypmp42" + bytes(9000), LARGE, b"\0"):
        assert np.array_equal(decode_image(LARGE + tail, "x"), whole)


@pytest.mark.parametrize(
    "payload",
    [
        encoded(".png"),
        encoded(".bmp"),
        encoded(".tif", cv2.IMWRITE_TIFF_COMPRESSION, 1),
        encoded(".tif", cv2.IMWRITE_TIFF_COMPRESSION, 8),
        encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
    ],
    ids=["png", "bmp", "tiff", "deflated tiff", "webp"],
)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_a_cut_file_is_refused(payload: bytes, share: float) -> None:
    with pytest.raises(InputError, match="x"):
        decode_image(payload[: int(share * len(payload))], "x")


@pytest.mark.parametrize(
    "payload",
    [encoded(".png"), encoded(".tif", cv2.IMWRITE_TIFF_COMPRESSION, 8)],
    ids=["png", "deflated tiff"],
)
def test_zeroed_bytes_inside_are_refused(payload: bytes) -> None:
    at = len(payload) // 2
    with pytest.raises(InputError, match="damaged"):
        decode_image(payload[:at] + bytes(64) + payload[at + 64 :], "x")


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(side: int) -> bytes:
    """A one-bit PNG of side x side black pixels in a few kilobytes."""
    packer = zlib.compressobj(9)
    row = b"\0" + bytes((side + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def claims(width: int, height: int, suffix: str) -> bytes:
    """A small picture whose header claims another size."""
    payload = bytearray(
        encoded(suffix, *([cv2.IMWRITE_WEBP_QUALITY, 80] if suffix == ".webp" else []))
    )
    if suffix == ".bmp":
        struct.pack_into("<ii", payload, 18, width, height)
    if suffix == ".jpg":
        struct.pack_into(">HH", payload, payload.index(b"\xff\xc0") + 5, height, width)
    if suffix == ".webp":
        struct.pack_into("<HH", payload, 26, width & 0x3FFF, height & 0x3FFF)
    return bytes(payload)


@pytest.mark.parametrize(
    "payload",
    [
        bomb(12_000),
        claims(60_000, 60_000, ".jpg"),
        claims(60_000, -60_000, ".bmp"),
        claims(16_000, 16_000, ".webp"),
    ],
    ids=["png", "jpeg", "bmp", "webp"],
)
def test_a_huge_picture_is_refused_before_its_pixels_are_made(payload: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="are more than 64 million: crop it, or scale it"):
            decode_image(payload, "plan.png")
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()
    assert MOST_PIXELS < 12_000**2


DEEP = (SMOOTH.astype(np.uint16) * 16) + 3


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_a_sample_are_asked_for(suffix: str) -> None:
    payload = encoded(suffix, pixels=DEEP)
    with pytest.raises(InputError, match=r"does not say how many .* bit_depth = 10, 12"):
        decode_image(payload, "x")
    expected = cv2.cvtColor(SMOOTH, cv2.COLOR_BGR2RGB)
    assert np.array_equal(decode_image(payload, "x", 12), expected)
    with pytest.raises(InputError, match=r"holds the value 40\d\d, which 10 bits cannot hold"):
        decode_image(payload, "x", 10)
    assert decode_image(payload, "x", 16).max() <= 15


def test_a_grey_16_bit_picture_is_read_by_its_bits() -> None:
    grey = SMOOTH[:, :, 1].astype(np.uint16) * 4
    image = decode_image(encoded(".tif", pixels=grey), "x", 10)
    assert np.array_equal(image, np.repeat(SMOOTH[:, :, 1:2], 3, axis=2))


def test_a_png_that_says_its_bits_is_believed() -> None:
    payload = encoded(".png", pixels=SMOOTH.astype(np.uint16) * 257)
    at = payload.index(b"IDAT") - 4
    told = payload[:at] + chunk(b"sBIT", b"\x0c\x0c\x0c") + payload[at:]
    assert np.array_equal(decode_image(told, "x"), cv2.cvtColor(SMOOTH, cv2.COLOR_BGR2RGB))


def two_pages() -> bytes:
    done, payload = cv2.imencodemulti(".tif", [SMOOTH, SMOOTH])
    assert done
    return payload.tobytes()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "is empty"),
        (b"GIF89a" + bytes(50), "is GIF, which is not read"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "is HEIC or AVIF, which is not read"),
        (b"hello", "not a readable image"),
        (encoded(".tif", pixels=SMOOTH.astype(np.float32)), "floating-point samples"),
        (two_pages(), "of several pictures"),
    ],
    ids=["empty", "gif", "heic", "text", "float", "pages"],
)
def test_what_is_not_read_is_named(payload: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode_image(payload, "x")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.png", tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="cannot be read"):
            read_image(path)


FORMATS = (
    (".jpg", (*JPEG_BASE,)), (".jpg", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)), (".png", ()),
    (".bmp", ()), (".tif", (cv2.IMWRITE_TIFF_COMPRESSION, 5)),
    (".tif", (cv2.IMWRITE_TIFF_COMPRESSION, 8)), (".webp", (cv2.IMWRITE_WEBP_QUALITY, 60)),
)  # fmt: skip


def mutated(payload: bytes, rng: np.random.Generator) -> bytes:
    """Bytes changed, lost, doubled, zeroed or cut off."""
    data = bytearray(payload)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(0, len(data)))
        how = int(rng.integers(0, 5))
        if how == 0:
            data[at] = int(rng.integers(0, 256))
        elif how == 1:
            del data[at : at + int(rng.integers(1, 40))]
        elif how == 2:
            data[at:at] = data[at : at + int(rng.integers(1, 40))]
        elif how == 3:
            data[at : at + 8] = bytes(rng.choice([0, 255]) for _ in range(8))
        else:
            del data[at:]
        if not data:
            return b"\0"
    return bytes(data)


@pytest.mark.parametrize("seed", range(3))
def test_mutated_pictures_are_read_or_refused(seed: int) -> None:
    fuzz_pictures(100, seed)


def fuzz_pictures(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    wholes = [encoded(suffix, *options) for suffix, options in FORMATS]
    for _ in range(count):
        payload = mutated(wholes[int(rng.integers(len(wholes)))], rng)
        try:
            image = decode_image(payload, "x")
        except InputError:
            continue
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.size <= 3 * MOST_PIXELS


def test_a_stream_of_bytes_is_taken_as_it_comes() -> None:
    assert decode_image(io.BytesIO(LARGE).getvalue(), "x").shape == (480, 640, 3)
