"""The simulated gate moves at the time of each part, and is safe whenever something is wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pydantic import ValidationError

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.gate import GateTable
from edge_agent.outputs.gpio import GpioOutputTable
from edge_agent.outputs.simulated import Movement, SimulatedOutput, SimulatedOutputTable
from edge_agent.outputs.timed import Place, TimedOutput
from edge_agent.station.output_set import OutputSet
from tests.station_kit import wait_until

MS = 1_000_000
CLOCK = SystemClock()


@contextmanager
def gate(
    place: Place | None = None, **table: object
) -> Iterator[tuple[TimedOutput, SimulatedOutput]]:
    """A gate that is reached after 150 ms, over a simulated device."""
    device = SimulatedOutput(SimulatedOutputTable(driver="simulated"), name="gate", clock=CLOCK)
    rule = GateTable.model_validate({"delay_ms": 150, "width_ms": 40} | table)
    timed = TimedOutput(device, rule, "reject", name="gate", clock=CLOCK, place=place)
    timed.open()
    try:
        yield timed, device
    finally:
        timed.close()


def decided(part_id: str, action: Action, trigger_ns: int) -> Decision:
    verdict = Verdict.PASS if action == "accept" else Verdict.FAIL
    return Decision(part_id, verdict, action, "", 1.0, (), trigger_ns=trigger_ns)


def moves(device: SimulatedOutput) -> list[Movement]:
    return list(device.gate.movements)


def test_gate_opens_when_the_passed_part_is_there_and_shuts_behind_it() -> None:
    with gate() as (timed, device):
        trigger_ns = CLOCK.mono_ns()
        timed.expect("p1", trigger_ns)
        timed.write(decided("p1", "accept", trigger_ns))
        assert wait_until(lambda: moves(device)[-1].action == "reject" and len(moves(device)) >= 4)
        opened, shut = moves(device)[-2:]
    assert (opened.action, opened.part_id, shut.action) == ("accept", "p1", "reject")
    assert opened.mono_ns >= trigger_ns + 150 * MS
    assert shut.mono_ns >= trigger_ns + 190 * MS


def test_slow_gate_is_told_earlier() -> None:
    with gate(lead_ms=100) as (timed, device):
        trigger_ns = CLOCK.mono_ns()
        timed.write(decided("p1", "accept", trigger_ns))
        assert wait_until(lambda: moves(device)[-1].action == "accept")
        assert moves(device)[-1].mono_ns - trigger_ns < 150 * MS


def test_bad_part_that_went_through_is_an_alarm_and_then_over() -> None:
    with gate(rest="accept") as (timed, device):
        timed.write(decided("first", "accept", CLOCK.mono_ns()))
        assert wait_until(lambda: moves(device)[-1].action == "accept"), "no longer the safe state"
        with pytest.raises(DeviceError, match=r"part p2 \(FAIL\) went through"):
            timed.write(decided("p2", "reject", CLOCK.mono_ns() - 500 * MS))
        status = timed.status()
        assert (status.late, status.went_through) == (1, 1)
        assert "went through" in status.fault
        assert wait_until(lambda: not timed.status().fault)


def test_bad_part_that_went_through_stops_the_line_where_that_is_asked() -> None:
    with gate(rest="accept", late="stop") as (timed, device):
        timed.write(decided("first", "accept", CLOCK.mono_ns()))
        assert wait_until(lambda: moves(device)[-1].action == "accept")
        with pytest.raises(DeviceError, match="stopped"):
            timed.write(decided("p2", "reject", CLOCK.mono_ns() - 500 * MS))
        assert wait_until(lambda: moves(device)[-1].action == "stop")
        with pytest.raises(DeviceError, match="stopped"):
            timed.write(decided("p3", "accept", CLOCK.mono_ns()))


def test_device_that_does_not_answer_is_a_fault_until_it_does() -> None:
    with gate() as (timed, device):
        device.gate.broken = True
        timed.write(decided("p1", "accept", CLOCK.mono_ns()))
        assert wait_until(lambda: "does not answer" in timed.status().fault)
        device.gate.broken = False
        assert wait_until(lambda: not timed.status().fault)


def test_device_with_a_watchdog_is_told_again_and_again() -> None:
    with gate(refresh_ms=5) as (_, device):
        assert wait_until(lambda: len(moves(device)) > 10)
        assert {move.action for move in moves(device)} == {"reject"}


def test_lost_encoder_is_the_safe_state() -> None:
    lost = threading.Event()
    with gate(
        place=lambda mono_ns: None if lost.is_set() else mono_ns // 1000,
        delay_ms=None, width_ms=None, delay_mm=150, width_mm=1000,
    ) as (timed, device):  # fmt: skip
        trigger_ns = CLOCK.mono_ns()
        timed.write(decided("p1", "accept", trigger_ns))
        assert wait_until(lambda: moves(device)[-1].action == "accept")
        lost.set()
        assert wait_until(lambda: moves(device)[-1].action == "reject")
        assert wait_until(lambda: "encoder is lost" in timed.status().fault)


def test_set_of_outputs_tells_its_gates_of_triggers_and_late_fails() -> None:
    with gate() as (timed, device):
        outputs = OutputSet({"gate": timed})
        trigger_ns = CLOCK.mono_ns()
        outputs.expect("p1", trigger_ns)
        outputs.write(decided("p1", "accept", trigger_ns))
        late = replace(decided("p1", "accept", trigger_ns), verdict=Verdict.FAIL, late_fail=True)
        outputs.correct(late)
        threading.Event().wait(0.2)
        assert {move.action for move in moves(device)} == {"reject"}
        assert timed.status().late == 0


def test_pulse_and_gate_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="exclude each other"):
        GpioOutputTable.model_validate(
            {"driver": "gpio", "line": 1, "pulse_ms": 5, "gate": {"delay_ms": 1, "width_ms": 1}}
        )
