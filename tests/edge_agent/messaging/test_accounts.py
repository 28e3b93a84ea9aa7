"""What earlier runs lost, counted by hand from books, note and counter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.messaging.accounts import (
    DAMAGED,
    UNRECORDED,
    Note,
    complete_books,
    lost_in_log,
    read_note,
    unrecorded,
    vanished,
    write_note,
)
from edge_agent.messaging.acted_counter import LastRun
from edge_agent.messaging.row import Book, Gap, Row


def test_the_note_comes_back_as_it_was_written(tmp_path: Path) -> None:
    books = [Book("1", low=5, waiting=2), Book("2", low=9), Book("3", low=4)]
    write_note(tmp_path, books, "3", clean=True)
    note = read_note(tmp_path)
    assert note is not None
    assert (note.last, note.clean, list(note.epochs)) == ("3", True, ["1", "3"])
    assert note.epochs["1"].next_seq == 5


def test_a_damaged_note_is_no_note(tmp_path: Path) -> None:
    assert read_note(tmp_path) is None
    (tmp_path / "epoch").write_bytes(b'{"last": "3"')
    assert read_note(tmp_path) is None


@pytest.mark.parametrize("epoch", ["../x", "", "\u0661", "1" * 41])
def test_a_note_of_an_epoch_that_cannot_be_is_no_note(tmp_path: Path, epoch: str) -> None:
    known = {"last": "1", "clean": True, "epochs": {epoch: {"next_seq": 1, "waiting": 1}}}
    (tmp_path / "epoch").write_text(json.dumps(known))
    assert read_note(tmp_path) is None


def test_numbers_given_and_never_recorded_are_a_gap() -> None:
    books = {"7": Book("7", low=10)}
    assert unrecorded(books, LastRun(7, 13, exact=True), ()) == [Gap("7", 10, 12, 3, UNRECORDED)]
    assert unrecorded(books, LastRun(7, 10, exact=True), ()) == []
    (bounded,) = unrecorded(books, LastRun(7, 13, exact=True), ["7"])
    assert not bounded.exact


def test_a_hole_is_a_gap_although_a_burst_went_beyond_the_reserved_block() -> None:
    burst = Book("7")
    burst.settle(number for number in range(300) if number != 47)
    (gap,) = unrecorded({"7": burst}, LastRun(7, 256, exact=False), ())
    assert (gap.first_seq, gap.last_seq, gap.count, gap.exact) == (47, 299, 1, False)
    assert [gap.count for gap in unrecorded({"7": burst}, None, ())] == [1]


def test_rows_that_are_gone_are_a_gap_between_those_that_are_there() -> None:
    books = {"7": Book("7", low=6, waiting=5)}
    assert vanished(books, {"7": [1, 2, 5]}, ()) == [Gap("7", 3, 4, 2, DAMAGED)]
    assert vanished(books, {"7": [1, 2, 3, 4, 5]}, ()) == []


def test_an_epoch_that_only_the_note_knows_gets_a_book() -> None:
    books: dict[str, Book] = {}
    epochs = {"7": {"next_seq": 4, "waiting": 2}}
    note = Note.model_validate({"last": "7", "clean": False, "epochs": epochs})
    assert complete_books(books, note, {"8": [0, 3]}) == {"7", "8"}
    assert (books["7"].next_seq, books["7"].waiting) == (4, 2)
    assert (books["8"].next_seq, books["8"].waiting) == (4, 2)


def test_a_row_of_the_log_that_was_confirmed_is_not_lost() -> None:
    old, new = (Row(seq, "7", seq, "verdict", b"") for seq in (3, 4))
    other = Row(5, "9", 0, "verdict", b"")
    assert lost_in_log([old, new, other], {"7": Book("7", low=4)}) == [new, other]
