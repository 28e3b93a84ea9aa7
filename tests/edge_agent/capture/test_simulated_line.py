"""The simulated line counts its parts at a rate, to an end, and on after it was closed."""

from __future__ import annotations

import pytest

from edge_agent.capture.simulated_line import SimulatedLine
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.clock import ManualClock


def test_parts_are_due_at_the_rate_and_end_after_the_last() -> None:
    clock = ManualClock()
    line = SimulatedLine(40, 2, 4.0, name="top", clock=clock)
    assert line.due_part(0.1) == 40
    assert line.counter.stamp()[2] == 0
    assert line.due_part(0.1) is None
    assert clock.mono_ns() == 100_000_000, "it slept as long as it was told"
    assert line.due_part(1.0) == 41
    assert clock.mono_ns() == 250_000_000
    line.counter.stamp()
    with pytest.raises(EndOfSource):
        line.due_part(0.1)


def test_without_a_number_of_parts_it_never_ends() -> None:
    line = SimulatedLine(0, 0, 0.0, name="top", clock=ManualClock())
    for number in range(1000):
        assert line.due_part(0) == number
        line.counter.stamp()
