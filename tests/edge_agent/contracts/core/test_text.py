from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.core.text import decode_head, decode_text, is_number

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


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_told_by_its_zeros(encoding: str) -> None:
    for text in ("a;b\n1;2\n", "Temperatur [°C];x\n" * 9):
        assert decode_text(text.encode(encoding)) == text


def test_a_character_that_is_cut_at_the_end_of_a_head_is_left_out() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
        payload = ("x" * 80 + "ß").encode(encoding)
        assert decode_head(payload[:-1]) == "x" * 80


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        decode_text(b"Gr\xfc\xdfe")


@pytest.mark.parametrize("cell", ["1", "-1.5e3", " 2 ", "nan"])
def test_what_every_program_reads_is_a_number(cell: str) -> None:
    assert is_number(cell)


@pytest.mark.parametrize("cell", ["", "2_0", "１２", "0x10", "1,5", "\u22121", "1.0D+3"])
def test_what_python_alone_or_nobody_reads_is_none(cell: str) -> None:
    assert not is_number(cell)
