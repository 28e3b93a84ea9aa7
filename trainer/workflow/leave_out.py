"""Leave one condition out: the question that a plant asks, answered on recordings that were not.

Each value of a condition is held out once. A label that exists under one value only (the one
normal recording of a rig) cannot be left out: it is cut by time, and the protocol says so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.suggestion import did_you_mean
from trainer.data.carve import Condition, carve_every_condition
from trainer.data.group_folds import never_learnt
from trainer.data.samples import Dataset, Sample
from trainer.data.split import Split

VAL_FRACTION = 0.25
"""The last part of each training recording, which chooses the threshold; never tested."""

TURNS = 4
"""Of what cannot be cut, the first of so many groups of a label is dealt out."""


@dataclass(frozen=True)
class Protocol:
    """Leave one of `values` out at a time; labels in `by_time` are cut by time instead."""

    title: str
    condition: Condition
    values: tuple[str, ...]
    by_time: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The protocol in words, for reports."""
        by_time = f"; {', '.join(self.by_time)} cut by time" if self.by_time else ""
        return f"leave one {self.title} out ({', '.join(self.values)}){by_time}"


def protocol_of(dataset: Dataset, leave_out: str) -> Protocol:
    """The protocol of `COLUMN`, or of `COLUMN~PATTERN`, whose first group is then the value.

    Raises ConfigError for an unknown column and for fewer than two values.
    """
    column, _, pattern = leave_out.partition("~")
    known = sorted({name for sample in dataset.samples for name in sample.conditions})
    if column not in known:
        raise ConfigError(
            f"no column {column!r} in the labels",
            where="--leave-out",
            cure=did_you_mean(column, known),
        )
    condition = _condition(column, pattern)
    values = tuple(sorted({condition(sample) for sample in dataset.samples} - {""}))
    if len(values) < 2:
        raise ConfigError(
            f"{column} has {len(values)} value(s)", where="--leave-out", cure="name another column"
        )
    return Protocol(column, condition, values, _lone_labels(dataset, condition))


def leave_out(
    dataset: Dataset, protocol: Protocol, value: str, val_fraction: float = VAL_FRACTION
) -> Split:
    """Everything under `value` is tested; the rest trains, its last part chooses thresholds, as in
    a fit that holds the value out.

    Of a label in `by_time`, as many equal stretches as there are values: that of `value`'s place
    is tested, the others train. Images are never cut: theirs are dealt out in order of their names.
    The defects of a detector are tested under their own value, and train nothing.
    """
    cuttable, aside = dataset.config.kind == "vibration", never_learnt(dataset)
    dealt = None if cuttable else _dealt(dataset)
    pieces = [
        piece
        for sample in dataset.samples
        for piece in _pieces(sample, protocol, value, aside, dealt)
    ]
    cut, listed = dataset.with_samples([sample for sample, _ in pieces]), [n for _, n in pieces]
    if cuttable:
        # A detector may have one good recording alone, which the protocol has cut already.
        good_only = dataset.config.good_only
        carved = carve_every_condition(
            cut, listed, val_fraction, protocol.condition, stretches=good_only
        )
        cut, listed = carved.dataset, carved.names
    names = np.array(listed)
    train, val, test = (np.flatnonzero(names == name) for name in ("train", "val", "test"))
    by_time = f"; {', '.join(protocol.by_time)} cut by time" if protocol.by_time else ""
    return Split(cut, train, val, test, f"{protocol.title} {value} held out{by_time}")


def without(dataset: Dataset, protocol: Protocol, value: str) -> tuple[Dataset, Protocol]:
    """What is left for choices when `value` is held out, and the same protocol on it."""
    split = leave_out(dataset, protocol, value)
    remaining = [split.dataset.samples[int(index)] for index in [*split.train, *split.val]]
    rest = tuple(other for other in protocol.values if other != value)
    return dataset.with_samples(_rejoin(remaining)), replace(protocol, values=rest)


def _condition(column: str, pattern: str) -> Condition:
    try:
        finder = re.compile(pattern) if pattern else None
    except re.error as error:
        raise ConfigError(
            f"pattern {pattern!r} ({error})", where="--leave-out", cure="correct it"
        ) from error
    if finder is not None and finder.groups != 1:
        raise ConfigError(
            f"pattern {pattern!r} has {finder.groups} groups",
            where="--leave-out",
            cure="put the value into one pair of parentheses",
        )

    def value(sample: Sample) -> str:
        text = sample.conditions.get(column, "")
        match = finder.search(text) if finder else None
        return (match.group(1) if match else "") if finder else text

    return value


def _lone_labels(dataset: Dataset, condition: Condition) -> tuple[str, ...]:
    """Labels that exist under fewer than two values."""
    seen: dict[str, set[str]] = {label: set() for label in dataset.labels}
    for sample in dataset.samples:
        seen[sample.label].add(condition(sample))
    aside = never_learnt(dataset)
    few = (label for label, values in seen.items() if len(values - {""}) < 2)
    return tuple(label for label in few if label not in aside)


def _pieces(
    sample: Sample,
    protocol: Protocol,
    value: str,
    aside: Collection[str],
    dealt: Collection[tuple[str, str]] | None,
) -> list[tuple[Sample, str]]:
    """aside: labels never learnt; dealt: what _dealt gives, None where recordings are cut."""
    if sample.label in aside:
        return [(sample, "test")] if protocol.condition(sample) == value else []
    turn = dealt is not None and _place(sample) in dealt
    if sample.label in protocol.by_time:
        if dealt is None:
            return _stretches(sample, protocol, value)
        return [(sample, "test" if turn else "train")]
    if protocol.condition(sample) == value:
        return [(sample, "test")]
    if protocol.condition(sample) not in protocol.values:
        return []
    return [(sample, "val" if turn else "train")]


def _dealt(dataset: Dataset) -> set[tuple[str, str]]:
    """Label and group of every TURNS-th group of each label, in order of their names."""
    groups_of: dict[str, set[str]] = defaultdict(set)
    for label, group in map(_place, dataset.samples):
        groups_of[label].add(group)
    return {(label, one) for label, groups in groups_of.items() for one in sorted(groups)[::TURNS]}


def _place(sample: Sample) -> tuple[str, str]:
    return sample.label, sample.group or sample.path


def _stretches(sample: Sample, protocol: Protocol, value: str) -> list[tuple[Sample, str]]:
    index, count = protocol.values.index(value), len(protocol.values)
    start, stop = sample.span
    edges = np.linspace(start, stop, count + 1)
    low, high = float(edges[index]), float(edges[index + 1])
    pieces = [(replace(sample, span=(low, high)), "test")]
    if low > start:
        pieces.append((replace(sample, span=(start, low)), "train"))
    if high < stop:
        pieces.append((replace(sample, span=(high, stop)), "train"))
    return pieces


def _rejoin(samples: Sequence[Sample]) -> list[Sample]:
    """Neighbouring stretches of one recording as one sample."""
    joined: list[Sample] = []
    for sample in sorted(samples, key=lambda s: (s.path, s.span)):
        last = joined[-1] if joined else None
        if last is not None and last.path == sample.path and last.span[1] == sample.span[0]:
            joined[-1] = replace(last, span=(last.span[0], sample.span[1]))
        else:
            joined.append(sample)
    return joined
