"""Sets of sequence numbers as sorted, disjoint ranges: a run of a million verdicts is one pair."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]
"""First and last number, both included."""
Ranges: TypeAlias = list[Range]
"""Sorted, disjoint, and no two of them touch."""


def union(ranges: Iterable[Range]) -> Ranges:
    """The numbers of all ranges, which may overlap and be in any order."""
    merged: Ranges = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def contains(ranges: Ranges, number: int) -> bool:
    """Whether the number is in one of them."""
    at = bisect_right(ranges, number, key=lambda one: one[0])
    return at > 0 and number <= ranges[at - 1][1]


def size(ranges: Iterable[Range]) -> int:
    """How many numbers they hold."""
    return sum(last - first + 1 for first, last in ranges)


def common(one: Sequence[Range], other: Sequence[Range]) -> Ranges:
    """The numbers that both hold."""
    found: Ranges = []
    i = k = 0
    while i < len(one) and k < len(other):
        first, last = max(one[i][0], other[k][0]), min(one[i][1], other[k][1])
        if first <= last:
            found.append((first, last))
        if one[i][1] < other[k][1]:
            i += 1
        else:
            k += 1
    return found
