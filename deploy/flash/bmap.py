"""Block maps (.bmap): which blocks of an image hold data, each range with its sha256.

The format of bmap-tools, versions 1.3 to 2.0 (github.com/yoctoproject/bmaptool).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from edge_agent.contracts.core.errors import ConfigError

MOST_BYTES = 32 << 20


@dataclass(frozen=True)
class Extent:
    """Bytes [start, end) of an image that hold data; `sha256` of them, empty where unknown."""

    start: int
    end: int
    sha256: str = ""


@dataclass(frozen=True)
class BlockMap:
    """The size of an image in bytes and its extents in order."""

    image_bytes: int
    extents: tuple[Extent, ...]


def read_bmap(path: Path) -> BlockMap:
    """Read a block map; raises ConfigError where it is damaged or of another kind."""
    try:
        with path.open("rb") as stream:
            payload = stream.read(MOST_BYTES + 1)
        root = _parse(payload)
        _check_own_sum(payload, _text(root, "BmapFileChecksum"))
        size, block = int(_text(root, "ImageSize")), int(_text(root, "BlockSize"))
        extents = tuple(_extent(range_, block, size) for range_ in root.iter("Range"))
        _check_order(extents, size)
    except (OSError, ValueError, ElementTree.ParseError) as error:
        cure = "make it again with `bmaptool create`, or leave --bmap out"
        raise ConfigError(f"no block map ({error})", where=str(path), cure=cure) from error
    return BlockMap(size, extents)


def _parse(payload: bytes) -> ElementTree.Element:
    """The document; entities, by which a small file grows without bound, are refused."""
    if len(payload) > MOST_BYTES or b"<!ENTITY" in payload:
        raise ValueError("too large, or not a block map")
    root = ElementTree.fromstring(payload)
    if _text(root, "ChecksumType") != "sha256":
        raise ValueError("its checksums are not sha256")
    return root


def _text(root: ElementTree.Element, name: str) -> str:
    return (root.findtext(name) or "").strip()


def _extent(range_: ElementTree.Element, block: int, size: int) -> Extent:
    first, _, last = (range_.text or "").strip().partition("-")
    end = min((int(last or first) + 1) * block, size)
    return Extent(int(first) * block, end, range_.get("chksum", ""))


def _check_own_sum(payload: bytes, stated: str) -> None:
    """The map's own sum is taken with zeros in its place."""
    if not re.fullmatch(r"[0-9a-f]{64}", stated):
        raise ValueError("its own checksum is missing")
    blank = payload.replace(stated.encode(), b"0" * 64, 1)
    if hashlib.sha256(blank).hexdigest() != stated:
        raise ValueError("its own checksum is another")


def _check_order(extents: tuple[Extent, ...], size: int) -> None:
    at = 0
    for extent in extents:
        if not at <= extent.start < extent.end <= size or extent.start % 4096:
            raise ValueError("its ranges are out of order")
        at = extent.end
