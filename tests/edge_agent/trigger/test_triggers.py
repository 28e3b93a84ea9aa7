"""What every trigger promises, and the triggers that need no device."""

from __future__ import annotations

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.simulator.parts import part_id
from edge_agent.trigger.free_run import FreeRun, FreeRunTable
from edge_agent.trigger.simulated import SimulatedTrigger, SimulatedTriggerTable
from edge_agent.trigger.trigger import TRIGGERS, EndOfTrigger, TriggerEvent


def test_every_trigger_has_a_table_named_after_its_file() -> None:
    for name, row in TRIGGERS.rows().items():
        assert row.config.model_fields["driver"].annotation.__args__ == (name,)


def _simulated(clock: ManualClock, **options: float) -> SimulatedTrigger:
    config = SimulatedTriggerTable.model_validate({"driver": "simulated"} | options)
    return SimulatedTrigger(config, name="barrier", clock=clock)


def _all(trigger: SimulatedTrigger) -> list[TriggerEvent]:
    events = []
    trigger.open()
    while True:
        try:
            event = trigger.next(0.2)
        except EndOfTrigger:
            return events
        if event is not None:
            events.append(event)


def test_the_simulated_barrier_names_the_parts_of_the_simulated_camera() -> None:
    events = _all(_simulated(ManualClock(), parts=3, start=5, seed=2))
    assert [event.part_id for event in events] == [part_id(2, k) for k in (5, 6, 7)]
    assert [event.mono_ns for event in events] == [0, 100_000_000, 200_000_000]


def test_misses_and_bounces_are_known() -> None:
    trigger = _simulated(ManualClock(), parts=200, missed_rate=0.1, bounce_rate=0.2)
    ids = [event.part_id for event in _all(trigger)]
    missed = trigger.status().missed
    assert 5 <= missed <= 40
    assert len(set(ids)) == 200 - missed
    assert len(ids) > len(set(ids))


def test_a_trigger_that_is_not_open_is_an_error() -> None:
    with pytest.raises(DeviceError, match="trigger barrier: not open"):
        _simulated(ManualClock()).next(0.1)


def test_free_run_counts_the_periods_that_nobody_waited_for() -> None:
    clock = ManualClock()
    trigger = FreeRun(FreeRunTable(driver="free_run", period_s=0.5), name="clock", clock=clock)
    trigger.open()
    first = trigger.next(0.2)
    clock.advance_s(1.7)
    second = trigger.next(0.2)
    assert first is not None
    assert second is not None
    assert (first.seq, second.seq, trigger.status().missed) == (0, 3, 2)


def test_free_run_without_a_period_gives_no_event_and_takes_the_whole_wait() -> None:
    clock = ManualClock()
    trigger = FreeRun(FreeRunTable(driver="free_run"), name="clock", clock=clock)
    trigger.open()
    assert trigger.next(0.2) is None
    assert clock.mono_ns() == 200_000_000
