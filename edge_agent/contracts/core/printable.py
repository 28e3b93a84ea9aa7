"""Text from outside, made harmless to look at: no control characters, no hidden direction marks."""

from __future__ import annotations

import unicodedata

LINE_BREAKS = frozenset("\u2028\u2029")
JOINERS = frozenset("\u200c\u200d")
"""Zero-width joiners: part of the spelling of Persian and of many Indian languages."""


def printable(text: str) -> str:
    r"""`text` with every invisible or control character as an escape such as \x1b or \u202e.

    A label or a file name may hold terminal commands (ESC [ 2 J), characters that HTML does not
    allow (NUL), or marks that turn the direction of reading; none of them may act.
    """
    return "".join(_escaped(one) if _is_hidden(one) else one for one in text)


def visible(value: object) -> object:
    """As printable for text, for a template's `finalize`; markup and numbers stay as they are."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _is_hidden(character: str) -> bool:
    if character in JOINERS:
        return False
    return character in LINE_BREAKS or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co")


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
