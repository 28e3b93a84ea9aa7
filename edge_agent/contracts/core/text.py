"""The text of files that people save: UTF-8 with or without a byte order mark, or UTF-16."""

from __future__ import annotations

import codecs
from collections.abc import Iterable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order mark -> encoding; Unicode Standard 15.0, section 23.8. UTF-32 before UTF-16, whose
mark it begins with."""
_SEEN = 64
"""Bytes by which UTF-16 without a mark is told: a text has no character 0."""


def decode_text(payload: bytes) -> str:
    """The text of a file as an editor of Windows, macOS or Linux saved it.

    A byte order mark says the encoding and is not part of the text; without one it is UTF-8, or
    UTF-16 where every second byte of its beginning is 0. Raises UnicodeDecodeError.
    """
    return payload.decode(_encoding(payload))


def decode_head(payload: bytes) -> str:
    """The text of the first bytes of a file, of which the last character may be cut."""
    return codecs.getincrementaldecoder(_encoding(payload))().decode(payload)


def _encoding(payload: bytes) -> str:
    for mark, encoding in _MARKS:
        if payload.startswith(mark):
            return encoding
    first = payload[:_SEEN]
    for encoding, zeros in (("utf-16-le", first[1::2]), ("utf-16-be", first[::2])):
        if len(first) > 1 and not len(first) % 2 and not any(zeros):
            return encoding
    return "utf-8"


def is_number(cell: str) -> bool:
    """Whether other programs read a number, too: not `2_0`, and no digits of another script."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii() and "_" not in cell


def repeated_name(names: Iterable[str]) -> str | None:
    """The first name that was there before; in time that grows with their number, not its square:
    a stranger's header may hold a hundred thousand.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
