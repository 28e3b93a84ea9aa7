from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.core.text import decode_text, is_number

ENCODINGS = {
    "plain": ("utf-8", b""),
    "utf-8 with mark": ("utf-8", codecs.BOM_UTF8),
    "utf-16 little": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-16 big": ("utf-16-be", codecs.BOM_UTF16_BE),
    "utf-32 little": ("utf-32-le", codecs.BOM_UTF32_LE),
    "utf-32 big": ("utf-32-be", codecs.BOM_UTF32_BE),
}


@pytest.mark.parametrize("name", ENCODINGS)
@given(text=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\ufeff\0")))
def test_a_text_is_read_as_it_was_saved(name: str, text: str) -> None:
    encoding, mark = ENCODINGS[name]
    assert decode_text(mark + text.encode(encoding)) == text


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        decode_text(b"Gr\xfc\xdfe")


@pytest.mark.parametrize("cell", ["1", "-1.5e3", " 2 ", "nan"])
def test_what_every_program_reads_is_a_number(cell: str) -> None:
    assert is_number(cell)


@pytest.mark.parametrize("cell", ["", "2_0", "１２", "0x10", "1,5", "\u22121", "1.0D+3"])
def test_what_python_alone_or_nobody_reads_is_none(cell: str) -> None:
    assert not is_number(cell)
