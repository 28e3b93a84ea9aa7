"""Polled values: rows by period or by part, missed periods, untrusted values, missing tags."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from edge_agent.capture.polled_rows import (
    PolledRows,
    PolledTable,
    TagValues,
    refuse_missing_tags,
)
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Item, ProcessRow, Unreadable
from edge_agent.contracts.process.input import TabularInput


class TwoTags(PolledTable):
    """A table of a device with two tags."""

    @property
    def tag_names(self) -> Sequence[str]:
        return ["force", "part"]


class Press:
    """Gives prepared values; reading takes `read_s` of the clock."""

    def __init__(self, values: list[TagValues], clock: ManualClock, read_s: float = 0.0) -> None:
        self._values = values
        self._clock = clock
        self._read_s = read_s

    def open(self) -> None:
        pass

    def read(self) -> TagValues:
        self._clock.advance_s(self._read_s)
        return self._values.pop(0)

    def close(self) -> None:
        pass


def rows(values: list[TagValues], read_s: float = 0.0, **keys: object) -> list[Item]:
    clock = ManualClock()
    config = TwoTags.model_validate({"driver": "x", "period_s": 1, **keys})
    source = PolledRows(Press(values, clock, read_s), config, name="press", clock=clock)
    source.open()
    found = [source.next(2) for _ in range(len(values))]
    return [item for item in found if item is not None]


def parts(*numbers: int) -> list[TagValues]:
    return [TagValues({"force": 1.5, "part": number}, {}) for number in numbers]


def test_a_row_every_period() -> None:
    found = rows(parts(1, 1, 2))
    assert [item.seq for item in found] == [0, 1, 2]
    assert [item.mono_ns for item in found] == [0, 10**9, 2 * 10**9]
    assert isinstance(found[0], ProcessRow)
    assert found[0].tags == {"force": 1.5, "part": 1}


def test_periods_that_a_slow_device_missed_are_holes() -> None:
    assert [item.seq for item in rows(parts(1, 1, 1), read_s=2.5)] == [0, 3, 6]


def test_a_row_for_each_new_part_but_not_for_the_one_that_was_there() -> None:
    found = rows(parts(7, 7, 8, 8, 9), take_on="part", part_tag="part")
    assert [(item.seq, item.part_id) for item in found] == [(0, "8"), (1, "9")]


def test_a_value_that_cannot_be_trusted_is_no_row() -> None:
    found = rows([TagValues({"part": 3}, {"force": "the server says Bad"})], part_tag="part")
    assert isinstance(found[0], Unreadable)
    assert (found[0].reason, found[0].part_id) == ("force: the server says Bad", "3")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"part_tag": "lot"}, "part_tag 'lot' is not among the tags"),
        ({"take_on": "part"}, "needs part_tag"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(keys: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TwoTags.model_validate({"driver": "x", **keys})


def test_a_tag_that_the_model_takes_and_nobody_reads_is_named() -> None:
    taken = TabularInput.model_validate({"tags": [{"name": "speed", "categories": ["a", "b"]}]})
    with pytest.raises(ConfigError, match="the model takes the tag 'speed'"):
        refuse_missing_tags(["force"], taken, "press")
    refuse_missing_tags(["speed"], taken, "press")
