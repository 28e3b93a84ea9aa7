from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from trainer.data.in_turn import in_turn


def test_results_come_in_the_order_of_their_items() -> None:
    second_is_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second_is_done.wait(10)
        if item == 1:
            second_is_done.set()
        return item * item

    assert list(in_turn(work, range(20), threads=2)) == [one * one for one in range(20)]
    assert list(in_turn(work, [], threads=2)) == []


def test_the_next_item_is_worked_on_while_one_is_used() -> None:
    begun = [threading.Event() for _ in range(3)]
    found = in_turn(lambda item: begun[item].set(), range(3), threads=1)
    next(found)
    assert begun[1].wait(10)
    found.close()  # type: ignore[attr-defined]


def test_no_more_items_are_begun_than_threads_and_one() -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            asked.append(item)
            yield item

    found = in_turn(lambda item: item, items(), threads=2)
    for taken in range(5):
        assert next(found) == taken
        assert len(asked) == taken + 3
    found.close()  # type: ignore[attr-defined]


def test_a_fault_is_raised_in_its_turn_and_ends_the_work() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise ValueError("item 3")
        return item

    found = in_turn(work, range(1000), threads=2)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="item 3"):
        next(found)
    assert len(begun) <= 6
