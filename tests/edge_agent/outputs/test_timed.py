"""The simulated gate moves at the time of each part, and is safe whenever something is wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pydantic import ValidationError

from edge_agent.contracts.core.clock import Clock, ManualClock, SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.encoder.track import Track
from edge_agent.outputs.gate import GateTable
from edge_agent.outputs.gpio import GpioOutputTable
from edge_agent.outputs.simulated import Movement, SimulatedOutput, SimulatedOutputTable
from edge_agent.outputs.timed import Place, TimedOutput
from edge_agent.station.output_set import OutputSet
from tests.station_kit import wait_until

MS = 1_000_000
REAL = SystemClock()
SETTLE_S = 0.15
"""Longer than the gate's thread ever sleeps."""


@contextmanager
def gate(
    clock: Clock, place: Place | None = None, **table: object
) -> Iterator[tuple[TimedOutput, SimulatedOutput]]:
    """A gate that is reached after 150 ms of `clock`, over a simulated device."""
    device = SimulatedOutput(SimulatedOutputTable(driver="simulated"), name="gate", clock=clock)
    rule = GateTable.model_validate({"delay_ms": 150, "width_ms": 40} | table)
    timed = TimedOutput(device, rule, "reject", name="gate", clock=clock, place=place)
    timed.open()
    try:
        yield timed, device
    finally:
        timed.close()


def shows(clock: ManualClock, ms: float, device: SimulatedOutput, action: Action) -> bool:
    """Whether the gate does that when the clock has gone on by `ms`, and went on doing it."""
    clock.advance_s(ms / 1e3)
    threading.Event().wait(SETTLE_S)
    return wait_until(lambda: moves(device)[-1].action == action)


def decided(part_id: str, action: Action, trigger_ns: int) -> Decision:
    verdict = Verdict.PASS if action == "accept" else Verdict.FAIL
    return Decision(part_id, verdict, action, "", 1.0, (), trigger_ns=trigger_ns)


def moves(device: SimulatedOutput) -> list[Movement]:
    return list(device.gate.movements)


def test_gate_opens_when_the_passed_part_is_there_and_shuts_behind_it() -> None:
    clock = ManualClock(mono_ns=MS)
    with gate(clock) as (timed, device):
        timed.expect("p1", clock.mono_ns())
        timed.write(decided("p1", "accept", clock.mono_ns()))
        steps: list[tuple[int, Action]] = [(149, "reject"), (1, "accept"), (39, "accept")]
        assert all(shows(clock, ms, device, action) for ms, action in [*steps, (1, "reject")])
        opened = next(move for move in moves(device) if move.action == "accept")
    assert (opened.part_id, opened.mono_ns) == ("p1", 151 * MS)


def test_slow_gate_is_told_earlier() -> None:
    clock = ManualClock(mono_ns=MS)
    with gate(clock, lead_ms=100) as (timed, device):
        timed.write(decided("p1", "accept", clock.mono_ns()))
        assert shows(clock, 49, device, "reject")
        assert shows(clock, 1, device, "accept")


def passed_one(clock: ManualClock, timed: TimedOutput, device: SimulatedOutput) -> None:
    """A first part has gone through: the gate does not show its safe state any more."""
    timed.write(decided("first", "accept", clock.mono_ns()))
    assert shows(clock, 150, device, "accept")
    assert shows(clock, 50, device, "accept"), "it rests open"


def test_bad_part_that_went_through_is_an_alarm_and_then_over() -> None:
    clock = ManualClock(mono_ns=MS)
    with gate(clock, rest="accept") as (timed, device):
        passed_one(clock, timed, device)
        with pytest.raises(DeviceError, match=r"part p2 \(FAIL\) went through"):
            timed.write(decided("p2", "reject", clock.mono_ns() - 180 * MS))
        status = timed.status()
        assert (status.late, status.went_through) == (1, 1)
        assert "went through" in status.fault
        clock.advance_s(1.1)
        assert wait_until(lambda: not timed.status().fault)


def test_bad_part_that_went_through_stops_the_line_where_that_is_asked() -> None:
    clock = ManualClock(mono_ns=MS)
    with gate(clock, rest="accept", late="stop") as (timed, device):
        passed_one(clock, timed, device)
        with pytest.raises(DeviceError, match="stopped"):
            timed.write(decided("p2", "reject", clock.mono_ns() - 180 * MS))
        assert shows(clock, 1, device, "stop")
        with pytest.raises(DeviceError, match="stopped"):
            timed.write(decided("p3", "accept", clock.mono_ns()))
        assert shows(clock, 150, device, "stop")


def test_device_that_does_not_answer_is_a_fault_until_it_does() -> None:
    with gate(REAL) as (timed, device):
        device.gate.broken = True
        timed.write(decided("p1", "accept", REAL.mono_ns()))
        assert wait_until(lambda: "does not answer" in timed.status().fault)
        device.gate.broken = False
        assert wait_until(lambda: not timed.status().fault)


def test_device_with_a_watchdog_is_told_again_and_again() -> None:
    with gate(REAL, refresh_ms=5) as (_, device):
        assert wait_until(lambda: len(moves(device)) > 10)
        assert {move.action for move in moves(device)} == {"reject"}


def test_lost_encoder_is_the_safe_state() -> None:
    lost = threading.Event()
    with gate(
        REAL,
        place=lambda mono_ns, ahead_ns=0: (
            None if lost.is_set() else (mono_ns + ahead_ns) // 1000
        ),
        delay_ms=None, width_ms=None, delay_mm=150, width_mm=1000,
    ) as (timed, device):  # fmt: skip
        trigger_ns = REAL.mono_ns()
        timed.write(decided("p1", "accept", trigger_ns))
        assert wait_until(lambda: moves(device)[-1].action == "accept")
        lost.set()
        assert wait_until(lambda: moves(device)[-1].action == "reject")
        assert wait_until(lambda: "encoder is lost" in timed.status().fault)


def test_slow_gate_by_way_acts_ahead_of_its_part_by_more_than_the_readings_reach() -> None:
    belt, stopping = Track(), threading.Event()

    def move() -> None:
        while not stopping.wait(0.005):
            belt.note(REAL.mono_ns(), REAL.mono_ns() // 1000)  # 1 m/s

    mover = threading.Thread(target=move)
    mover.start()
    try:
        assert wait_until(lambda: belt.at(REAL.mono_ns()) is not None)
        with gate(
            REAL, place=belt.at, delay_ms=None, width_ms=None, delay_mm=500, width_mm=400,
            lead_ms=300,
        ) as (timed, device):  # fmt: skip
            trigger_ns = REAL.mono_ns()
            timed.write(decided("p1", "accept", trigger_ns))
            assert wait_until(lambda: moves(device)[-1].action == "accept")
            assert REAL.mono_ns() - trigger_ns < 500 * MS + SETTLE_S * 1e9
            assert timed.status().fault == ""
    finally:
        stopping.set()
        mover.join()


def test_set_of_outputs_tells_its_gates_of_triggers_and_late_fails() -> None:
    clock = ManualClock(mono_ns=MS)
    with gate(clock) as (timed, device):
        outputs = OutputSet({"gate": timed})
        trigger_ns = clock.mono_ns()
        outputs.expect("p1", trigger_ns)
        outputs.write(decided("p1", "accept", trigger_ns))
        late = replace(decided("p1", "accept", trigger_ns), verdict=Verdict.FAIL, late_fail=True)
        outputs.correct(late)
        assert shows(clock, 160, device, "reject")
        assert {move.action for move in moves(device)} == {"reject"}
        assert timed.status().late == 0


def test_pulse_and_gate_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="exclude each other"):
        GpioOutputTable.model_validate(
            {"driver": "gpio", "line": 1, "pulse_ms": 5, "gate": {"delay_ms": 1, "width_ms": 1}}
        )
