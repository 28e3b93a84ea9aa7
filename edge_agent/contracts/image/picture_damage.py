"""Damage of a picture file that no decoder tells: it fills what is lost, and goes on."""

from __future__ import annotations

import struct
import zlib

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.image.picture_header import PictureHeader, png_chunks, tiff_folders

ZEROS = b"\0" * 64
"""Compressed data hold no run of zeros so long: it is a block that was lost on the way."""
DEFLATE = (8, 32946)
"""Values of the tag Compression."""
END = b"\xff\xd9"
SEQUENTIAL = (0xC0, 0xC1)


def refuse_damage(payload: bytes, header: PictureHeader, where: str) -> None:
    """Raise InputError where a PNG's checksums or the compressed strips of a TIFF are wrong, or a
    block of zeros lies in the compressed data of a JPEG or WebP.
    """
    checks = {"PNG": _png_damage, "TIFF": _tiff_damage, "JPEG": _jpeg_damage, "WebP": _webp_damage}
    check = checks.get(header.kind)
    what = check(payload) if check else ""
    if what:
        raise InputError(
            f"damaged {header.kind}: {what}", where=where, cure="copy it again, or record it again"
        )


def _jpeg_damage(payload: bytes) -> str:
    """Zeros decode as something, and no warning comes. With the usual tables they are coefficients
    of -1 without end; only where zeros end a block may a plain area be coded so.
    """
    at, frame, first_symbols = 2, 0, {0: 1, 1: 0}
    while at + 4 <= len(payload):
        if payload[at] != 0xFF or payload[at + 1] == 0xFF:
            at += 1
            continue
        marker = payload[at + 1]
        (length,) = struct.unpack_from(">H", payload, at + 2)
        body = payload[at + 4 : at + 2 + length]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            frame = marker
        elif marker == 0xC4:
            first_symbols |= _first_symbols(body)
        elif marker == 0xDA:
            luminance = body[2] & 15 if len(body) > 2 else 0
            if frame not in SEQUENTIAL or not first_symbols.get(luminance):
                return ""
            end = payload.find(END, at)
            found = payload.find(ZEROS, at, end if end > 0 else len(payload))
            return "" if found < 0 else f"zeros in its middle, from byte {found}"
        at += 2 + length
    return ""


def _first_symbols(tables: bytes) -> dict[int, int]:
    """Number of an AC table -> the symbol whose code is all zeros (ITU-T T.81, annexes B and C)."""
    found: dict[int, int] = {}
    at = 0
    while at + 18 <= len(tables):
        kind, number = tables[at] >> 4, tables[at] & 15
        if kind == 1:
            found[number] = tables[at + 17]
        at += 17 + sum(tables[at + 1 : at + 17])
    return found


def _webp_damage(payload: bytes) -> str:
    """Of the lossy kind alone: its arithmetic coder leaves no long run of zeros."""
    at = 12
    while at + 8 <= len(payload):
        name, size = struct.unpack_from("<4sI", payload, at)
        if name == b"VP8 ":
            found = payload.find(ZEROS, at + 8, at + 8 + size)
            return "" if found < 0 else f"zeros in its middle, from byte {found}"
        at += 8 + size + size % 2
    return ""


def _png_damage(payload: bytes) -> str:
    at = 8
    for name, body in png_chunks(payload):
        stored = payload[at + 8 + len(body) : at + 12 + len(body)]
        if stored != struct.pack(">I", zlib.crc32(body, zlib.crc32(name))):
            return "it breaks off" if len(stored) < 4 else "a checksum is wrong"
        if name == b"IEND":
            return ""
        at += 12 + len(body)
    return "it has no end"


def _tiff_damage(payload: bytes) -> str:
    """The strips and tiles must lie in the file; compressed ones must be whole zlib streams."""
    for tags in tiff_folders(payload):
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
