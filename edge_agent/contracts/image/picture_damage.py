"""Damage of a picture file that no decoder tells: it fills what is lost, and goes on."""

from __future__ import annotations

import struct
import zlib

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.image.jpeg_scans import ZEROS, jpeg_damage
from edge_agent.contracts.image.picture_header import PictureHeader, png_chunks, tiff_folders

LONGEST_ZEROS = {b"VP8 ": ZEROS, b"VP8L": bytes(512)}
"""Chunk of a WebP -> a run of zeros that it never holds."""
DEFLATE = (8, 32946)
"""Values of the tag Compression."""


def refuse_damage(payload: bytes, header: PictureHeader, where: str) -> None:
    """Raise InputError where a PNG's checksums or the compressed strips of a TIFF are wrong, a
    block of zeros lies in the compressed data of a JPEG or WebP, or a JPEG lacks its last scans.
    """
    checks = {"PNG": _png_damage, "TIFF": _tiff_damage, "JPEG": jpeg_damage, "WebP": _webp_damage}
    check = checks.get(header.kind)
    what = check(payload) if check else ""
    if what:
        raise InputError(
            f"damaged {header.kind}: {what}", where=where, cure="copy it again, or record it again"
        )


def _webp_damage(payload: bytes) -> str:
    """The arithmetic coder of the lossy kind, and the prefix codes with back references of the
    lossless kind, leave no long run of zeros.
    """
    at = 12
    while at + 8 <= len(payload):
        name, size = struct.unpack_from("<4sI", payload, at)
        if name in LONGEST_ZEROS:
            found = payload.find(LONGEST_ZEROS[name], at + 8, at + 8 + size)
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
