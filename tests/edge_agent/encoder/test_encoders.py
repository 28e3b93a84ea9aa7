"""Encoders, the thread that follows one, and what goes by the belt's way: triggers and gates."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from edge_agent.contracts.core.clock import ManualClock, SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.encoder.encoder import build_encoder
from edge_agent.encoder.follower import Follower
from edge_agent.encoder.gpio import GpioEncoder, GpioEncoderTable, Quadrature
from edge_agent.encoder.modbus import REGISTER_VALUES, ModbusEncoderTable, unwrapped_step
from edge_agent.encoder.simulated import SimulatedEncoderTable
from edge_agent.encoder.track import Track
from edge_agent.outputs.gate import GateTable
from edge_agent.outputs.simulated import SimulatedOutput, SimulatedOutputTable
from edge_agent.outputs.timed import TimedOutput
from edge_agent.trigger.encoder import EncoderTrigger, EncoderTriggerTable
from tests.edge_agent.fieldbus.plc import Plc
from tests.station_kit import wait_until

MS = 1_000_000


class SlowClock(SystemClock):
    """A tenth as fast: a way that is not noted for 200 ms is lost, and this computer is busy."""

    def mono_ns(self) -> int:
        return super().mono_ns() // 10


CLOCK = SlowClock()


class Wheel:
    """An encoder that a test turns by hand, and unplugs."""

    def __init__(self) -> None:
        self.counts, self.unplugged, self.opened = 0, False, 0

    def open(self) -> None:
        if self.unplugged:
            raise DeviceError("absent", where="wheel", cure="plug it in")
        self.opened += 1
        self.counts = 0

    def read(self) -> int:
        if self.unplugged:
            raise DeviceError("pulled out", where="wheel", cure="plug it in")
        return self.counts

    def close(self) -> None:
        """Nothing is held."""


@contextmanager
def following(wheel: Wheel) -> Iterator[Follower]:
    follower = Follower(wheel, um_per_count=1000, poll_s=0.001, clock=CLOCK)
    follower.start()
    try:
        yield follower
    finally:
        follower.stop()


def place(follower: Follower) -> int | None:
    return follower.track.at(CLOCK.mono_ns())


def test_simulated_belt_counts_by_the_clock() -> None:
    clock = ManualClock()
    table = SimulatedEncoderTable(driver="simulated", speed_mm_s=500)
    encoder = build_encoder(table, clock=clock)
    encoder.open()
    clock.advance_s(2)
    assert encoder.read() * table.um_per_count == pytest.approx(1_000_000, abs=100)
    encoder.close()
    with pytest.raises(DeviceError, match="not open"):
        encoder.read()


def test_follower_knows_the_place_until_the_encoder_is_lost_and_again_after() -> None:
    wheel = Wheel()
    with following(wheel) as follower:
        wheel.counts = 7
        assert wait_until(lambda: place(follower) == 7000)
        wheel.unplugged = True
        assert wait_until(lambda: follower.fault)
        assert place(follower) is None
        wheel.unplugged = False
        assert wait_until(lambda: not follower.fault and place(follower) == 0)
        assert wheel.opened == 2


@pytest.mark.parametrize("direction", [1, -1])
def test_quadrature_counts_four_a_period_in_both_directions(direction: int) -> None:
    encoder = Quadrature(0, 1)
    forwards = [(0, 0), (1, 0), (1, 1), (0, 1)]
    states = forwards if direction > 0 else [forwards[0], *reversed(forwards[1:])]
    turns = itertools.pairwise([*states, *states, states[0]])
    for number, (before, after) in enumerate(turns, 1):
        line = 0 if before[0] != after[0] else 1
        encoder.edge(line, bool(after[line]), number)
    assert encoder.counts == 8 * direction
    assert encoder.lost == 0


def test_one_track_counts_rising_edges_and_lost_ones_are_seen() -> None:
    encoder = Quadrature(3, None)
    for number, rising in ((1, True), (2, False), (3, True), (7, True)):
        encoder.edge(3, rising, number)
    assert (encoder.counts, encoder.lost) == (3, 3)


def test_absent_chip_is_an_error_with_the_cure() -> None:
    pytest.importorskip("gpiod")
    table = GpioEncoderTable(driver="gpio", chip="/dev/gpiochip99", line_a=1, um_per_count=100)
    with pytest.raises(DeviceError, match="gpioinfo"):
        GpioEncoder(table, clock=CLOCK).open()


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [(5, 9, 4), (9, 5, -4), (REGISTER_VALUES - 2, 3, 5), (3, REGISTER_VALUES - 2, -5)],
)
def test_register_that_begins_again_loses_no_count(before: int, after: int, step: int) -> None:
    assert unwrapped_step(before, after) == step


def test_counter_of_a_plc_is_followed_over_its_end() -> None:
    plc = Plc().start()
    try:
        plc.set_register(9, 65533)
        table = ModbusEncoderTable.model_validate(
            {
                "driver": "modbus",
                "host": "127.0.0.1",
                "port": plc.port,
                "area": "holding_register",
                "address": 9,
                "um_per_count": 50,
            }
        )
        encoder = build_encoder(table, clock=CLOCK)
        encoder.open()
        found = []
        for value in (65535, 4, 2):
            plc.set_register(9, value)
            found.append(encoder.read())
        encoder.close()
    finally:
        plc.stop()
    assert found == [2, 7, 5]


def test_trigger_comes_every_so_many_millimetres_at_its_own_moment() -> None:
    clock, track = ManualClock(), Track()
    table = EncoderTriggerTable(driver="encoder", every_mm=10)
    trigger = EncoderTrigger(table, name="belt", clock=clock)
    trigger.follow(track)
    trigger.open()
    for ms, um in ((0, 3000), (10, 8000)):
        clock.advance_s(ms / 1e3 - clock.mono_ns() / 1e9)
        track.note(clock.mono_ns(), um)
        assert trigger.next(0) is None
    clock.advance_s(0.010)
    track.note(clock.mono_ns(), 28_000)
    events = [trigger.next(0), trigger.next(0), trigger.next(0)]
    moments = [event.mono_ns if event else None for event in events]
    assert moments == [11 * MS, 16 * MS, None]
    assert trigger.status().events == 2


def test_trigger_without_an_encoder_is_an_error() -> None:
    table = EncoderTriggerTable(driver="encoder", every_mm=10)
    with pytest.raises(DeviceError, match="no encoder"):
        EncoderTrigger(table, name="belt", clock=CLOCK).open()


def shows(device: SimulatedOutput, action: str) -> bool:
    """Whether the gate does that now."""
    return device.gate.movements[-1].action == action


def test_gate_moves_where_the_part_is_however_the_belt_runs_and_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A busy computer may not read the wheel for so long that a part is dropped, which is rejected.
    monkeypatch.setattr("edge_agent.encoder.track.STALE_NS", 60_000 * MS)
    wheel = Wheel()
    device = SimulatedOutput(SimulatedOutputTable(driver="simulated"), name="gate", clock=CLOCK)
    rule = GateTable(delay_mm=100, width_mm=20)
    with following(wheel) as follower:
        gate = TimedOutput(
            device, rule, "reject", name="gate", clock=CLOCK, place=follower.track.at
        )
        # Before the gate is open: where the belt is not known yet, it says so.
        assert wait_until(lambda: place(follower) == 0)
        gate.open()
        trigger_ns = CLOCK.mono_ns()
        gate.expect("p1", trigger_ns)
        gate.write(Decision("p1", Verdict.PASS, "accept", "", 1.0, (), trigger_ns=trigger_ns))
        steps = {60: "reject", 99: "reject", 105: "accept", 119: "accept", 121: "reject"}
        for counts, action in steps.items():
            wheel.counts = counts
            assert wait_until(lambda: place(follower) == wheel.counts * 1000)
            threading.Event().wait(0.06)
            assert wait_until(partial(shows, device, action))
        gate.close()
