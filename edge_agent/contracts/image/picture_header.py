"""What a picture file says of itself in its first bytes, read before anything is decoded.

A file of a few kilobytes may claim a gigabyte of pixels, hold 12 bits in samples of 16, or several
pictures: all that is known from its header, at no cost.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_agent.contracts.core.errors import InputError

MOST_PIXELS = 1 << 26
"""67 million: the largest area sensors in use have 65; decoded they take 200 MB."""


@dataclass(frozen=True)
class PictureHeader:
    """kind: JPEG, PNG, BMP, TIFF or WebP; bits: of one sample; known_bits: how many of them the
    file itself says are used, 0 where it does not; pictures: how many the file holds."""

    kind: str
    width_px: int
    height_px: int
    bits: int = 8
    known_bits: int = 0
    is_float: bool = False
    pictures: int = 1
    orientation: int = 1


def picture_kind(payload: bytes) -> str:
    """JPEG, PNG, BMP, TIFF, WebP, or GIF, HEIC, ... that is not read; empty where unknown."""
    if payload[:4] == b"RIFF":
        return "WebP" if payload[8:12] == b"WEBP" else ""
    if payload[4:8] == b"ftyp":
        return "HEIC or AVIF" if payload[8:12] in _HEIF_BRANDS else ""
    return next((kind for start, kind in _MAGIC if payload.startswith(start)), "")


def read_header(payload: bytes, where: str) -> PictureHeader:
    """The header of a picture; raises InputError where it is none, or no whole one."""
    kind = picture_kind(payload)
    reader = _READERS.get(kind)
    if reader is None:
        found = f"is {kind}, which is not read" if kind else "not a readable image"
        raise InputError(found, where=where, cure="give a JPEG, PNG, BMP, TIFF or WebP")
    try:
        header = reader(payload)
    except (struct.error, LookupError, ValueError, OverflowError) as error:
        raise InputError(
            f"truncated {kind}", where=where, cure="copy it again, or record it again"
        ) from error
    if header.width_px < 1 or header.height_px < 1:
        raise InputError(f"{kind} without pixels", where=where, cure="record it again")
    return header


def _jpeg(payload: bytes) -> PictureHeader:
    at, orientation = 2, 1
    while True:
        while payload[at] == 0xFF and payload[at + 1] == 0xFF:
            at += 1
        if payload[at] != 0xFF:
            raise ValueError("no marker")
        marker = payload[at + 1]
        (length,) = struct.unpack_from(">H", payload, at + 2)
        if marker == 0xE1 and payload[at + 4 : at + 10] == b"Exif\0\0":
            orientation = _exif_orientation(payload[at + 10 : at + 2 + length])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width = struct.unpack_from(">BHH", payload, at + 4)
            return PictureHeader("JPEG", width, height, bits, orientation=orientation)
        if length < 2 or marker in (0xD9, 0xDA):
            raise ValueError("no frame before the scan")
        at += 2 + length


def _exif_orientation(exif: bytes) -> int:
    try:
        tags = next(tiff_folders(exif))
        return int(tags.get(274, [1])[0])
    except (struct.error, IndexError, ValueError, StopIteration, OverflowError):
        return 1


def _png(payload: bytes) -> PictureHeader:
    width, height, bits, colour = struct.unpack_from(">IIBB", payload, 16)
    known = pictures = 0
    for name, body in png_chunks(payload):
        if name == b"sBIT":
            known = 16  # the used bits are the highest ones (PNG, 3rd edition, 11.3.2.6)
        if name == b"acTL":
            (pictures,) = struct.unpack_from(">I", body)
        if name == b"IDAT":
            break
    bits = 8 if colour == 3 else max(8, bits)
    known = known if bits > 8 else 0
    return PictureHeader("PNG", width, height, bits, known, pictures=max(1, pictures))


def png_chunks(payload: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and body of each chunk; the last one may be cut."""
    at, view = 8, memoryview(payload)
    while at + 8 <= len(payload):
        size, name = struct.unpack_from(">I4s", payload, at)
        yield name, view[at + 8 : at + 8 + size]
        at += 12 + size


def _bmp(payload: bytes) -> PictureHeader:
    (size,) = struct.unpack_from("<I", payload, 14)
    if size == 12:
        width, height = struct.unpack_from("<HH", payload, 18)
    else:
        width, height = struct.unpack_from("<ii", payload, 18)
    return PictureHeader("BMP", abs(width), abs(height))


def _webp(payload: bytes) -> PictureHeader:
    kind = payload[12:16]
    if kind == b"VP8X":
        flags = payload[20]
        width = 1 + int.from_bytes(payload[24:27], "little")
        height = 1 + int.from_bytes(payload[27:30], "little")
        if len(payload) < 30:
            raise ValueError("short")
        return PictureHeader("WebP", width, height, pictures=2 if flags & 2 else 1)
    if kind == b"VP8L":
        (word,) = struct.unpack_from("<I", payload, 21)
        return PictureHeader("WebP", 1 + (word & 0x3FFF), 1 + (word >> 14 & 0x3FFF))
    width, height = struct.unpack_from("<HH", payload, 26)
    return PictureHeader("WebP", width & 0x3FFF, height & 0x3FFF)


def _tiff(payload: bytes) -> PictureHeader:
    first: dict[int, list[int]] = {}
    pictures = 0
    for tags in tiff_folders(payload):
        first = first or tags
        pictures += not tags.get(254, [0])[0] & 1
    bits = max(first.get(258, [1]))
    most = max(first.get(281, [0]))
    is_float = 3 in first.get(339, [1])
    known = most.bit_length() if bits > 8 and 0 < most < (1 << bits) - 1 else 0
    return PictureHeader(
        "TIFF", first[256][0], first[257][0], max(8, bits), known, is_float, max(1, pictures)
    )


def tiff_folders(payload: bytes) -> Iterator[dict[int, list[int]]]:
    """The tags of each picture: number -> whole numbers (TIFF 6.0, 1992; BigTIFF)."""
    order = {b"II": "<", b"MM": ">"}.get(payload[:2])
    if order is None:
        raise ValueError("no byte order")
    (version,) = struct.unpack_from(order + "H", payload, 2)
    big = version == 43
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), payload, 8 if big else 4)
    seen: set[int] = set()
    while at and at not in seen and len(seen) < MOST_FOLDERS:
        seen.add(at)
        tags, at = _tiff_folder(payload, at, order, big=big)
        yield tags


MOST_FOLDERS = 64
MOST_VALUES = 1 << 16
"""Pictures of a TIFF and values of a tag that are looked at."""


def _tiff_folder(
    payload: bytes, at: int, order: str, *, big: bool
) -> tuple[dict[int, list[int]], int]:
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), payload, at)
    at += 8 if big else 2
    step, word = (20, "Q") if big else (12, "I")
    tags: dict[int, list[int]] = {}
    for _ in range(min(count, 4096)):
        tag, kind, values = struct.unpack_from(order + "HH" + word, payload, at)
        letter, size = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 16: ("Q", 8)}.get(kind, ("", 0))
        if letter and values <= MOST_VALUES:
            inside = at + (12 if big else 8)
            if size * values > (8 if big else 4):
                (inside,) = struct.unpack_from(order + word, payload, inside)
            tags[tag] = list(struct.unpack_from(f"{order}{values}{letter}", payload, inside))
        at += step
    (following,) = struct.unpack_from(order + word, payload, at)
    return tags, following


_READERS: dict[str, Callable[[bytes], PictureHeader]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "BMP": _bmp,
    "WebP": _webp,
    "TIFF": _tiff,
}

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"GIF8", "GIF"),
    (b"\0\0\0\x0cjP", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL", "JPEG XL"),
    (b"%PDF", "PDF"),
    (b"8BPS", "Photoshop"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis", b"heim", b"heis")
