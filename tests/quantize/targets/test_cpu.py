"""Boards with a CPU: int8 in and out, one accelerator's rules bind none of them."""

from __future__ import annotations

import json

import pytest

from quantize.targets.cpu import DRIVER
from quantize.targets.target import Target


@pytest.mark.parametrize("target", DRIVER.rows, ids=lambda row: row.name)
def test_a_cpu_takes_pixels_and_has_nothing_to_compile(target: Target) -> None:
    assert (target.image_input, target.signal_input, target.output) == ("uint8", "int8", "int8")
    assert target.memory_bytes == 0
    assert target.compile(b"model", print) == {}
    assert json.loads(json.dumps(target.document(), default=str))["name"] == target.name


def test_a_figure_that_nobody_measured_says_so() -> None:
    for target in DRIVER.rows:
        assert (target.latency_ms is None) == (target.latency_source == "not measured")
