"""The axes of a set of recordings where nobody named any: names, or patterns of names.

Rigs often write the number of the recording into the name of its signal (X097_DE_time,
X105_DE_time): then the axis is what the names share, `*_DE_time`, and a new recording is read by
the same pattern.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from edge_agent.contracts.vibration.recordings import Signals

ONLY = "*"
"""The axis of recordings that have one signal each, whatever its name."""
MOST_NAMED = 3
_EDGE = re.compile(r"[_. \-(]")
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class CommonAxes:
    """axes: names or patterns; why: a sentence that begins after "no axes named: "."""

    axes: list[str]
    why: str


def common_axes(recordings: Sequence[tuple[str, Sequence[str]]]) -> CommonAxes:
    """The axes by which most of `recordings`, (path, signals of it), can be read.

    They are the signals of the first one where most have those names; else what the names of all
    have in common; else the names that most have.
    """
    first, signals = recordings[0][0], [list(names) for _, names in recordings]
    own = CommonAxes(signals[0], f"all columns of {first}: {', '.join(signals[0])}")
    lone = all(len(names) == 1 for names in signals)
    needed = len(signals) if lone else len(signals) // 2 + 1
    if _read(own.axes, signals) >= needed:
        return own
    shared = _shared(signals)
    patterns = CommonAxes(
        shared, f"what the names of the columns have in common: {', '.join(shared)}"
    )
    if lone:
        if shared and _read(shared, signals) == len(signals):
            return patterns
        return CommonAxes([ONLY], f"the one signal of each recording: {ONLY}")
    usual = list(Counter(map(tuple, signals)).most_common(1)[0][0])
    most = CommonAxes(usual, f"the columns that most recordings have: {', '.join(usual)}")
    return max((patterns, most, own), key=lambda one: _read(one.axes, signals))


def without_ramps(
    recordings: Sequence[tuple[str, Signals]],
) -> tuple[list[tuple[str, list[str]]], str]:
    """The recordings without the signals that are steady ramps in each that has them, and the
    names of these; "" where there are none."""
    having = Counter(name for _, signals in recordings for name in signals.names)
    ramps = Counter(name for _, signals in recordings for name in signals.ramps)
    always = [name for name, count in ramps.items() if count == having[name]]
    kept = [
        (path, [name for name in signals.names if name not in always])
        for path, signals in recordings
    ]
    more = f" and {len(always) - MOST_NAMED} more" if len(always) > MOST_NAMED else ""
    return kept, ", ".join(always[:MOST_NAMED]) + more


def _read(axes: Sequence[str], signals: list[list[str]]) -> int:
    """How many recordings have exactly one column for each axis."""
    return sum(bool(axes) and all(_fits(axis, names) for axis in axes) for names in signals)


def _fits(axis: str, names: list[str]) -> bool:
    return axis in names or sum(fnmatchcase(name, axis) for name in names) == 1


def _shared(signals: list[list[str]]) -> list[str]:
    """For each signal of the first recording the closest pattern that fits the most recordings."""
    best: dict[str, int] = {}
    for name in signals[0]:
        pattern, fitting = _closest(name, signals)
        best[pattern] = fitting
    most = max(best.values(), default=0)
    return [pattern for pattern, fitting in best.items() if fitting == most > 1]


def _closest(name: str, signals: list[list[str]]) -> tuple[str, int]:
    """The pattern of a name that fits the most recordings, and how many; of equals the first."""
    counted = [(one, sum(_fits(one, names) for names in signals)) for one in _patterns(name)]
    return max(counted, key=lambda one: one[1])


def _patterns(name: str) -> Iterator[str]:
    """The name itself, then its ends from the longest to the shortest, then its beginnings."""
    yield name
    edges = [found.start() for found in _EDGE.finditer(name) if 0 < found.start() < len(name) - 1]
    for edge in edges:
        yield f"*{_escaped(name[edge:])}"
    for edge in reversed(edges):
        yield f"{_escaped(name[: edge + 1])}*"


def _escaped(text: str) -> str:
    return _WILD.sub(lambda found: f"[{found[0]}]", text)
