"""From the bytes of a picture file to pixels: whole, of a size that is bearable, in 8 bits.

What a decoder only warns of (lost blocks, missing bytes) is refused: it fills the gap with grey and
goes on, and a part would be judged by what is not there.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.held_stderr import held_stderr
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.picture_damage import refuse_damage
from edge_agent.contracts.image.picture_header import (
    MOST_PIXELS,
    PictureHeader,
    read_header,
)

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".tif", ".tiff", ".webp"}
)
"""Lower case; what a suffix promises is not relied on, the content decides."""

MOST_BYTES = 1 << 29
AGAIN = "copy it again, or record it again"


def decode_image(payload: bytes, where: str, bit_depth: int | None = None) -> Image:
    """Decode JPEG, PNG, BMP, TIFF or WebP bytes to RGB; the EXIF orientation is applied.

    bit_depth: how many bits of a file with 16 bits a sample carry the picture (10, 12, 14, 16);
    they are brought to 8 by leaving out the lowest. Without it such a file is refused, unless it
    says so itself. Data after the end of a JPEG (a motion photo) does no harm.
    Raises InputError for a file that is damaged, too large, of several pictures, or no picture.
    """
    if not payload:
        raise InputError("the file is empty", where=where, cure="record the image again")
    header = read_header(payload, where)
    _refuse_header(header, where)
    refuse_damage(payload, header, where)
    if header.kind == "JPEG":
        return _jpeg(payload, header, where)
    if header.kind != "TIFF":
        return _other(payload, header, where, bit_depth)
    # libtiff fills what it cannot unpack, and no return value says so.
    with held_stderr(_is_of_decoder) as lines:
        pixels = _other(payload, header, where, bit_depth)
    if any(lines):
        reason = next(line for line in lines if line)
        raise InputError(f"damaged TIFF: {reason[-100:]}", where=where, cure=AGAIN)
    return pixels


def _is_of_decoder(line: bytes) -> bool:
    return b"TIFF" in line or b"imgcodecs" in line or line == b"\n"


def _other(payload: bytes, header: PictureHeader, where: str, bit_depth: int | None) -> Image:
    if header.bits > 8:
        return _deep(payload, header, where, bit_depth)
    return _by_opencv(payload, cv2.IMREAD_COLOR, where)


def read_image(path: Path, bit_depth: int | None = None) -> Image:
    """Read an image file to RGB; raises InputError that names the file. `bit_depth` as above."""
    return decode_image(read_picture(path), str(path), bit_depth)


def read_picture(path: Path) -> bytes:
    """The bytes of an image file; raises InputError where they cannot be read, or are too many."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError("is larger than 512 MB", where=str(path), cure="crop or scale it")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"cannot be read ({reason})", where=str(path), cure="check the path"
        ) from error


def _refuse_header(header: PictureHeader, where: str) -> None:
    size = f"{header.width_px}x{header.height_px}"
    if header.width_px * header.height_px > MOST_PIXELS:
        raise InputError(
            f"{size} pixels are more than {MOST_PIXELS >> 20} million",
            where=where,
            cure="crop it, or scale it down",
        )
    if header.pictures > 1:
        raise InputError(
            f"a {header.kind} of several pictures, of which only the first would be seen",
            where=where,
            cure="save each as a file of its own",
        )
    if header.is_float or header.bits > 16 or (header.bits > 8 and header.kind == "JPEG"):
        number = "floating-point" if header.is_float else f"{header.bits} bits"
        raise InputError(
            f"a {header.kind} with {number} samples", where=where, cure="save it with 8 or 16 bits"
        )


def _jpeg(payload: bytes, header: PictureHeader, where: str) -> Image:
    """libjpeg-turbo, its warnings being errors; the same pixels as OpenCV, which ignores them."""
    try:
        _, _, colours, _ = simplejpeg.decode_jpeg_header(payload, strict=False)
        if colours not in ("YCbCr", "Gray", "RGB"):
            return _by_opencv(payload, cv2.IMREAD_COLOR, where)
        pixels = simplejpeg.decode_jpeg(payload, "RGB", fastdct=False, fastupsample=False)
    except (ValueError, LookupError, MemoryError) as error:
        raise InputError(f"damaged JPEG: {error}", where=where, cure=AGAIN) from error
    return upright(np.asarray(pixels, np.uint8), header.orientation)


def upright(image: Image, orientation: int) -> Image:
    """Apply an EXIF orientation (CIPA DC-008, tag 274): mirrored, then turned."""
    if orientation in (2, 4, 5, 7):
        image = image[:, ::-1]
    turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(image, turns))


def _deep(payload: bytes, header: PictureHeader, where: str, bit_depth: int | None) -> Image:
    """16 bits a sample, of which the lowest bit_depth ones carry the picture."""
    depth = bit_depth or header.known_bits
    if not depth:
        raise InputError(
            f"a {header.kind} with 16 bits a sample, which does not say how many the camera gave",
            where=where,
            cure="say it: bit_depth = 10, 12, 14 or 16 under [image] of dataset.toml, or of the "
            "camera in station.toml",
        )
    pixels = _unpacked(payload, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH, where)
    if pixels.dtype != np.uint16:
        raise InputError(f"a {header.kind} of {pixels.dtype}", where=where, cure="save it anew")
    highest = int(pixels.max())
    if highest >> depth:
        raise InputError(
            f"holds the value {highest}, which {depth} bits cannot hold",
            where=where,
            cure="correct bit_depth",
        )
    words = np.asarray(pixels, np.uint16)
    small = np.asarray(words << (8 - depth) if depth < 8 else words >> (depth - 8), np.uint8)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)


def _by_opencv(payload: bytes, flags: int, where: str) -> Image:
    pixels = np.asarray(_unpacked(payload, flags, where), np.uint8)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, pixels), np.uint8)


def _unpacked(payload: bytes, flags: int, where: str) -> NDArray[np.generic]:
    try:
        pixels = cv2.imdecode(np.frombuffer(payload, np.uint8), flags)
    except (cv2.error, MemoryError):
        pixels = None
    if pixels is None:
        raise InputError(
            "not a readable image", where=where, cure="give a whole JPEG, PNG, BMP, TIFF or WebP"
        )
    return np.asarray(pixels)
