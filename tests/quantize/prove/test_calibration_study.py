"""The calibration study: sizes up to what the run has, one conversion each."""

from __future__ import annotations

from typing import Any

import pytest

from quantize.prove.calibration_study import StudyRow, study_calibration
from quantize.prove.gate import Comparison, Flip, Metric


def comparison(size: int) -> Comparison:
    metrics = [Metric("accuracy", 1.0, 1.0 - 1 / size, 1 / size, 0.1, "held")]
    flips: list[Flip] = [object()] * (100 // size)  # type: ignore[list-item]
    return Comparison(100, metrics, flips, 1 - len(flips) / 100, [], [])


@pytest.mark.parametrize(
    ("available", "sizes"), [(1, [1]), (10, [10]), (60, [10, 50, 60]), (900, [10, 50, 100, 500])]
)
def test_every_size_is_converted_once_and_none_beyond_the_run(
    available: int, sizes: list[int]
) -> None:
    said: list[str] = []

    def attempt(size: int) -> Any:
        return None, None, comparison(size)

    rows = study_calibration(available, attempt, said.append)
    assert [row.samples for row in rows] == sizes
    assert said == [f"calibrating on {size} samples" for size in sizes]
    last = sizes[-1]
    flips = 100 // last
    assert rows[-1] == StudyRow(last, 1 - flips / 100, flips, {"accuracy": 1 / last})
