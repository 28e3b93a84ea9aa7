"""What a picture file says of itself in its first bytes, read before anything is decoded.

A file of a few kilobytes may claim a gigabyte of pixels, hold 12 bits in samples of 16, or several
pictures: all that is known from its header, at no cost.
"""

from __future__ import annotations

import struct
import zlib
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
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise InputError(
            f"truncated {kind}", where=where, cure="copy it again, or record it again"
        ) from error
    if header.width_px < 1 or header.height_px < 1:
        raise InputError(f"{kind} without pixels", where=where, cure="record it again")
    return header


def refuse_damage(payload: bytes, header: PictureHeader, where: str) -> None:
    """Raise InputError where a PNG's checksums, or the compressed strips of a TIFF, are wrong.

    A decoder may fill what is lost with grey and go on.
    """
    what = ""
    if header.kind == "PNG":
        what = _png_damage(payload)
    elif header.kind == "TIFF":
        what = _tiff_damage(payload)
    if what:
        raise InputError(
            f"damaged {header.kind}: {what}", where=where, cure="copy it again, or record it again"
        )


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
        tags = next(_tiff_folders(exif))
        return int(tags.get(274, [1])[0])
    except (struct.error, IndexError, ValueError, StopIteration, OverflowError):
        return 1


def _png(payload: bytes) -> PictureHeader:
    width, height, bits, colour = struct.unpack_from(">IIBB", payload, 16)
    known = pictures = 0
    for name, body in _png_chunks(payload):
        if name == b"sBIT":
            known = 16  # the used bits are the highest ones (PNG, 3rd edition, 11.3.2.6)
        if name == b"acTL":
            (pictures,) = struct.unpack_from(">I", body)
        if name == b"IDAT":
            break
    bits = 8 if colour == 3 else max(8, bits)
    known = known if bits > 8 else 0
    return PictureHeader("PNG", width, height, bits, known, pictures=max(1, pictures))


def _png_chunks(payload: bytes) -> Iterator[tuple[bytes, memoryview]]:
    at, view = 8, memoryview(payload)
    while at + 8 <= len(payload):
        size, name = struct.unpack_from(">I4s", payload, at)
        yield name, view[at + 8 : at + 8 + size]
        at += 12 + size


def _png_damage(payload: bytes) -> str:
    at = 8
    for name, body in _png_chunks(payload):
        stored = payload[at + 8 + len(body) : at + 12 + len(body)]
        if stored != struct.pack(">I", zlib.crc32(body, zlib.crc32(name))):
            return "it breaks off" if len(stored) < 4 else "a checksum is wrong"
        if name == b"IEND":
            return ""
        at += 12 + len(body)
    return "it has no end"


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
    for tags in _tiff_folders(payload):
        first = first or tags
        pictures += not tags.get(254, [0])[0] & 1
    bits = max(first.get(258, [1]))
    most = max(first.get(281, [0]))
    is_float = 3 in first.get(339, [1])
    known = most.bit_length() if bits > 8 and 0 < most < (1 << bits) - 1 else 0
    return PictureHeader(
        "TIFF", first[256][0], first[257][0], max(8, bits), known, is_float, max(1, pictures)
    )


def _tiff_damage(payload: bytes) -> str:
    """The strips and tiles must lie in the file; compressed ones must be whole zlib streams."""
    for tags in _tiff_folders(payload):
        offsets = tags.get(273) or tags.get(324) or []
        sizes = tags.get(279) or tags.get(325) or []
        for offset, size in zip(offsets, sizes, strict=False):
            if offset + size > len(payload):
                return "it breaks off"
            strip = payload[offset : offset + size]
            if tags.get(259, [1])[0] in DEFLATE and not _is_zlib(strip):
                return "a strip cannot be unpacked"
    return ""


def _is_zlib(packed: bytes) -> bool:
    stream = zlib.decompressobj()
    try:
        rest = packed
        while rest and not stream.eof:
            stream.decompress(rest, 1 << 20)
            rest = stream.unconsumed_tail
    except zlib.error:
        return False
    return stream.eof


def _tiff_folders(payload: bytes) -> Iterator[dict[int, list[int]]]:
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


DEFLATE = (8, 32946)
"""Values of the tag Compression."""
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
