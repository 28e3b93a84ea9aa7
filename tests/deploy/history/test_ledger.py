"""Accounts of epochs: what is stored, lost and missing adds up, whatever order it arrives in."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.history.intervals import union
from deploy.history.ledger import Account, NamedGap
from deploy.history.store import HistoryStore, Record
from tests.deploy.history.history_kit import judged, named_gap


def account(store: HistoryStore) -> Record:
    (row,) = store.query("SELECT last_seq, received, lost, missing, ranges FROM account")
    return row


def test_a_run_of_verdicts_is_one_range_and_settled_to_its_end(store: HistoryStore) -> None:
    batch = [judged(k) for k in range(200)]
    random.Random(1).shuffle(batch)
    first = store.add(batch[:120])
    last = store.add(batch[100:])
    assert (first.new, last.new, last.repeated) == (120, 80, 20)
    assert last.through == {("test", "1"): 199}
    expected = {"last_seq": 199, "received": 200, "lost": 0, "missing": 0, "ranges": "[[0, 199]]"}
    assert account(store) == expected


def test_a_message_twice_in_a_batch_is_stored_once(store: HistoryStore) -> None:
    stored = store.add([judged(0), judged(0), judged(1)])
    assert (stored.new, stored.repeated) == (2, 1)
    assert store.query("SELECT count(*) AS parts FROM verdict") == [{"parts": 2}]


def test_a_hole_is_missing_until_it_comes_or_a_gap_names_it(store: HistoryStore) -> None:
    stored = store.add([judged(k) for k in (0, 1, 5, 6)])
    assert stored.through == {("test", "1"): 1}
    assert (account(store)["missing"], account(store)["lost"]) == (3, 0)
    store.add([judged(3)])
    stored = store.add([named_gap(7, 2, 2, 1)])
    assert stored.through == {("test", "1"): 3}
    stored = store.add([named_gap(8, 4, 4, 1)])
    assert stored.through == {("test", "1"): 8}
    assert (account(store)["missing"], account(store)["lost"]) == (0, 2)


def test_a_gap_wider_than_what_it_lost_settles_nothing_by_itself(store: HistoryStore) -> None:
    stored = store.add([judged(0), named_gap(10, 1, 9, 3)])
    assert stored.through == {("test", "1"): 0}
    assert (account(store)["lost"], account(store)["missing"]) == (3, 6)
    store.add([judged(k) for k in range(1, 7)])
    assert (account(store)["lost"], account(store)["missing"]) == (3, 0)


def test_an_upper_bound_becomes_exact_by_what_is_stored(store: HistoryStore) -> None:
    store.add([judged(0), judged(2), named_gap(4, 0, 3, 4, exact=False)])
    assert (account(store)["lost"], account(store)["missing"]) == (2, 0)


def test_an_epoch_whose_begin_is_unknown_is_not_settled(store: HistoryStore) -> None:
    assert store.add([judged(7), judged(8)]).through == {("test", "1"): -1}
    assert account(store)["missing"] == 7


def test_stations_and_epochs_have_accounts_of_their_own(store: HistoryStore) -> None:
    batch = [judged(k, station=name, epoch=e) for k in range(3) for name in "ab" for e in (1, 2)]
    assert store.add(batch).through == {(name, e): 2 for name in "ab" for e in ("1", "2")}


def test_a_repeat_is_known_after_old_verdicts_were_removed(store: HistoryStore) -> None:
    store.add([judged(k) for k in range(5)])
    store.query("DELETE FROM verdict")
    assert store.add([judged(3)]).new == 0
    assert store.query("SELECT * FROM verdict") == []


def test_rows_whose_account_was_lost_are_not_written_again(store: HistoryStore) -> None:
    store.add([judged(k) for k in range(5)])
    store.query("DELETE FROM account")
    stored = store.add([judged(k) for k in range(3, 8)])
    assert (stored.new, stored.repeated) == (3, 2)
    assert store.query("SELECT count(*) AS parts FROM verdict") == [{"parts": 8}]


GAPS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 5), st.integers(1, 6)).map(
        lambda g: NamedGap(g[0], g[0] + g[1], min(g[2], g[1] + 1))
    ),
    max_size=4,
)


@given(st.sets(st.integers(0, 30)), GAPS)
def test_every_number_is_received_lost_or_missing(stored: set[int], gaps: list[NamedGap]) -> None:
    found = Account(union((number, number) for number in stored)).balanced(gaps)
    assert found.received + found.lost + found.missing == found.last_seq + 1
    assert min(found.received, found.lost, found.missing) >= 0
    whole = {n for g in gaps if g.dropped > g.last_seq - g.first_seq
             for n in range(g.first_seq, g.last_seq + 1)}  # fmt: skip
    assert all(n in stored | whole for n in range(found.through + 1))
    assert found.through <= max(stored, default=-1)


@pytest.mark.parametrize("seq", [0, 1])
def test_only_the_first_number_begins_an_epoch(store: HistoryStore, seq: int) -> None:
    assert store.add([judged(seq)]).through[("test", "1")] == (0 if seq == 0 else -1)
