"""The scans of a JPEG: which of them are missing, and blocks of zeros in them.

A progressive JPEG comes in ten scans or so, each of which makes the picture finer. One that lost
the last of them decodes without a warning, as a blurred picture. (ITU-T T.81, annexes B, C and G.)
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

ZEROS = b"\0" * 64
"""Compressed data hold no run of zeros so long: it is a block that was lost on the way."""
END_MARKER, SCAN_MARKER, TABLES_MARKER = 0xD9, 0xDA, 0xC4
SEQUENTIAL = (0xC0, 0xC1)
PROGRESSIVE = (0xC2, 0xCA)
NO_FRAMES = (0xC4, 0xC8, 0xCC)
COEFFICIENTS = 64
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""The next marker in compressed data: there FF is followed by 00, or by a restart marker."""


@dataclass(frozen=True)
class Scan:
    """One pass over the picture. tables: component -> number of its AC table; coefficients first to
    last; fresh: not a refinement of an earlier scan; low_bit: bits that are left for later ones.
    The compressed data are the bytes from begin to end.
    """

    tables: dict[int, int]
    first: int
    last: int
    fresh: bool
    low_bit: int
    begin: int
    end: int
    zero_symbols: dict[int, int]


@dataclass
class _Reader:
    """Walks over the segments."""

    payload: bytes
    frame: int = 0
    components: tuple[int, ...] = ()
    # The usual tables of a camera that sends none: MJPEG.
    zero_symbols: dict[int, int] = field(default_factory=lambda: {0: 1, 1: 0})

    def scans(self) -> Iterator[Scan]:
        payload, at = self.payload, 2
        while at + 4 <= len(payload):
            if payload[at] != 0xFF or payload[at + 1] == 0xFF:
                at += 1
                continue
            marker = payload[at + 1]
            if marker == END_MARKER:
                return
            (length,) = struct.unpack_from(">H", payload, at + 2)
            body = payload[at + 4 : at + 2 + length]
            at += 2 + length
            if marker == TABLES_MARKER:
                self.zero_symbols |= _zero_symbols(body)
            elif 0xC0 <= marker <= 0xCF and marker not in NO_FRAMES:
                self.frame, self.components = marker, tuple(body[6::3])
            elif marker == SCAN_MARKER:
                found = _MARKER.search(payload, at)
                end = found.start() if found else len(payload)
                scan = self._scan(body, at, end)
                if scan is None:
                    return
                yield scan
                at = end

    def _scan(self, body: bytes, begin: int, end: int) -> Scan | None:
        """None for a header that no decoder takes: it will say so."""
        count = body[0] if body else 0
        if not 0 < count <= 4 or len(body) < 4 + 2 * count:
            return None
        tables = {body[1 + 2 * k]: body[2 + 2 * k] & 15 for k in range(count)}
        first, last, bits = body[1 + 2 * count : 4 + 2 * count]
        if self.frame not in PROGRESSIVE:
            first, last, bits = 0, COEFFICIENTS - 1, 0
        symbols = dict(self.zero_symbols)
        return Scan(tables, first, last, not bits >> 4, bits & 15, begin, end, symbols)


def jpeg_damage(payload: bytes) -> str:
    """What is wrong with the scans of a JPEG that its decoder does not tell; empty where nothing.

    What is no JPEG at all is left to the decoder.
    """
    reader = _Reader(payload)
    left: dict[tuple[int, int], int] = {}
    for scan in reader.scans():
        at = _zeros_at(scan, reader)
        if at >= 0:
            return f"zeros in its middle, from byte {at}"
        for component in scan.tables:
            for number in range(scan.first, min(scan.last, COEFFICIENTS - 1) + 1):
                left[component, number] = scan.low_bit
    return _incomplete(reader, left) if left else ""


def _incomplete(reader: _Reader, left: dict[tuple[int, int], int]) -> str:
    wanted = [(one, k) for one in reader.components for k in range(COEFFICIENTS)]
    missing = sum(left.get(one, 1) > 0 for one in wanted)
    if not missing:
        return ""
    return f"its last scans are missing ({missing} of {len(wanted)} coefficients are not complete)"


def _zeros_at(scan: Scan, reader: _Reader) -> int:
    """Where a block of zeros begins in a scan; -1 where there is none, or it may be right.

    Zeros decode as something, and no warning comes. With the usual tables they are coefficients of
    -1 without end; only where zeros end a block may a plain area be coded so. In a progressive JPEG
    the first scan of AC coefficients counts plain blocks by the thousand; other scans hold zeros.
    """
    if reader.frame in SEQUENTIAL:
        table = next(iter(scan.tables.values()))
        telling = bool(scan.zero_symbols.get(table))
    else:
        telling = reader.frame == PROGRESSIVE[0] and scan.fresh and scan.first > 0
    if not telling:
        return -1
    return reader.payload.find(ZEROS, scan.begin, scan.end)


def _zero_symbols(tables: bytes) -> dict[int, int]:
    """Number of an AC table -> the symbol whose code is all zeros."""
    found: dict[int, int] = {}
    at = 0
    while at + 18 <= len(tables):
        kind, number = tables[at] >> 4, tables[at] & 15
        if kind == 1:
            found[number] = tables[at + 17]
        at += 17 + sum(tables[at + 1 : at + 17])
    return found
