"""What is done every so many seconds."""

from __future__ import annotations

from edge_agent.messaging.every import Every


def test_it_is_time_at_once_then_after_the_period_or_in_a_hurry() -> None:
    every = Every(3.0)
    times_s = (0.0, 2.9, 3.0, 4.0, 6.9, 7.1)
    hurried = (False, False, False, True, False, False)
    found = [
        every.due(round(at * 1e9), hurry=hurry) for at, hurry in zip(times_s, hurried, strict=True)
    ]
    assert found == [True, False, True, True, False, True]
