"""Codes of a reader on a serial line, as a pseudo-terminal gives them."""

from __future__ import annotations

import os
import pty
import tty
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.trigger.bar_code import BarCodeTable, BarCodeTrigger, CodeLines

Reader = tuple[int, BarCodeTrigger]


@pytest.fixture
def reader() -> Iterator[Reader]:
    """The reader's end of the line, and the open trigger at the other one."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    table = BarCodeTable(driver="bar_code", device=os.ttyname(theirs))
    trigger = BarCodeTrigger(table, name="codes", clock=SystemClock())
    trigger.open()
    yield ours, trigger
    trigger.close()
    for end in (ours, theirs):
        os.close(end)


def codes(trigger: BarCodeTrigger, count: int) -> list[str]:
    """The next codes; a missing one is empty."""
    events = [trigger.next(2.0) for _ in range(count)]
    return [event.part_id if event else "" for event in events]


def test_each_code_is_a_part_however_its_line_ends(reader: Reader) -> None:
    ours, trigger = reader
    os.write(ours, b"A1\r\nA2\rA3\n\x02A4\x03\r\n")
    assert codes(trigger, 4) == ["A1", "A2", "A3", "A4"]
    assert trigger.next(0.01) is None
    assert trigger.status().events == 4


def test_code_in_pieces_is_given_when_its_end_is_here(reader: Reader) -> None:
    ours, trigger = reader
    os.write(ours, b"PART-")
    assert trigger.next(0.05) is None
    os.write(ours, b"77\r")
    assert codes(trigger, 1) == ["PART-77"]


def test_unread_code_is_counted_and_no_part_id(reader: Reader) -> None:
    ours, trigger = reader
    os.write(ours, b"NOREAD\r\nB1\r\n")
    assert codes(trigger, 1) == ["B1"]
    assert trigger.status().missed == 1


def test_reader_that_is_pulled_out_is_an_error() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    table = BarCodeTable(driver="bar_code", device=os.ttyname(theirs))
    trigger = BarCodeTrigger(table, name="codes", clock=SystemClock())
    trigger.open()
    os.close(theirs)
    os.close(ours)
    with pytest.raises(DeviceError, match="is gone"):
        trigger.next(1.0)
    assert trigger.status().fault
    trigger.close()


def test_absent_reader_is_an_error_with_the_cure() -> None:
    table = BarCodeTable(driver="bar_code", device="/dev/ttyNONE9")
    with pytest.raises(DeviceError, match="group dialout"):
        BarCodeTrigger(table, name="codes", clock=SystemClock()).open()


TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


@given(sent=st.lists(TEXT, max_size=8), cuts=st.lists(st.integers(1, 7), max_size=40))
def test_codes_survive_any_cut_of_the_bytes(sent: list[str], cuts: list[int]) -> None:
    payload = b"".join(code.encode() + b"\r\n" for code in sent)
    lines, got = CodeLines(), []
    for cut in [*cuts, len(payload)]:
        got += lines.feed(payload[:cut])
        payload = payload[cut:]
    assert got == sent


def test_endless_line_is_given_up_and_the_next_code_is_read() -> None:
    lines = CodeLines()
    for _ in range(5):
        assert lines.feed(b"x" * 900) == []
    assert lines.feed(b"tail\nGOOD\n") == ["GOOD"]
    assert lines.damaged == 1
