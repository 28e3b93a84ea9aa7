"""The register map: what is written is what is read, and the page says the same."""

from __future__ import annotations

import struct
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.plc.registers import (
    COMMAND,
    FLAGS_AT,
    STATUS,
    Command,
    Register,
    Status,
    decode_command,
    decode_status,
    encode_status,
    map_page,
)

PAGE = Path(__file__).parents[3] / "docs" / "plc-handshake.md"
MARK = "<!-- generated -->\n"


@given(words=st.lists(st.integers(0, 0xFFFF), min_size=len(STATUS), max_size=len(STATUS)))
def test_every_used_bit_of_the_status_block_is_one_value(words: list[int]) -> None:
    used = [word & _mask(register) for word, register in zip(words, STATUS, strict=True)]
    assert encode_status(decode_status(words)) == used


def _mask(register: Register) -> int:
    if not register.parts:
        return 0xFFFF
    return sum((1 << part.width) - 1 << part.bit for part in register.parts)


@pytest.mark.parametrize(
    ("block", "kind"), [(COMMAND, Command), (STATUS, Status)], ids=["command", "status"]
)
def test_no_two_values_share_a_bit_and_each_has_its_field(
    block: tuple[Register, ...], kind: type[Command] | type[Status]
) -> None:
    names = [part.name for register in block for part in register.parts or (register,)]
    assert sorted(names) == sorted(field.name for field in fields(kind))
    for register in block:
        bits = [b for part in register.parts for b in range(part.bit, part.bit + part.width)]
        assert len(bits) == len(set(bits))
        assert all(0 <= bit < 16 for bit in bits)


def test_the_words_are_where_a_plc_program_looks_for_them() -> None:
    """Written out by hand: a change here breaks every PLC program in the field."""
    status = Status(acquisition_id=7, result_acquisition_id=6, result_part_number=300)
    words = encode_status(status)
    assert (words[0], words[1], words[8], words[9]) == (1, 7, 6, 300)
    result = Status(verdict=4, action=2, reason_class=10, heartbeat=65535, online=1, ready=1)
    assert struct.pack(">3H", *encode_status(result)[10:13]) == b"\x0a\x24\x00\x00\xff\xff"
    assert encode_status(result)[13] == 0b11
    assert encode_status(Status(result_valid=1, armed=1))[13] == 0b1_0001_0000
    assert (len(COMMAND), len(STATUS), FLAGS_AT) == (3, 14, 12)
    assert decode_command([0b1_1111, 9, 3]) == Command(1, 1, 1, 1, 1, 9, 3)


def test_the_page_has_the_map_of_the_code() -> None:
    generated = PAGE.read_text().partition(MARK)[2]
    assert generated == f"\n{map_page()}", "lineside-agent config --registers prints it"
