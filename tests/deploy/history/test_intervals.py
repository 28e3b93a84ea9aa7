"""Ranges of numbers against Python's sets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from deploy.history.intervals import Range, common, contains, size, union

RANGES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair)))
)


def numbers(ranges: list[Range]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(RANGES)
def test_union_holds_the_same_numbers_in_the_fewest_ranges(ranges: list[Range]) -> None:
    merged = union(ranges)
    assert numbers(merged) == numbers(ranges)
    assert size(merged) == len(numbers(ranges))
    assert all(one[1] + 1 < other[0] for one, other in pairwise(merged))


@given(RANGES, RANGES)
def test_common_is_the_intersection(one: list[Range], other: list[Range]) -> None:
    assert numbers(common(union(one), union(other))) == numbers(one) & numbers(other)


@given(RANGES, st.integers(0, 60))
def test_contains_agrees_with_the_set(ranges: list[Range], number: int) -> None:
    assert contains(union(ranges), number) == (number in numbers(ranges))
