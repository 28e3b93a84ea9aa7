"""The simulated belt: what it shows is what its parts are, and its gate never stays open alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from edge_agent.capture.camera.belt import BeltCamera, BeltCameraTable
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.belt import BeltOutput, BeltOutputTable
from edge_agent.simulator.belt import BeltPlan, BeltTally, GateRecord, Outcome
from edge_agent.simulator.belt_link import BeltAddress, BeltLink
from edge_agent.simulator.belt_server import BeltServer
from edge_agent.trigger.belt import BeltTrigger, BeltTriggerTable
from tests.station_kit import wait_until

CLOCK = SystemClock()
MS = 1_000_000
PLAN = BeltPlan(rate_hz=20, look="plain", size_px=(32, 24))


@pytest.fixture
def belt() -> Iterator[BeltServer]:
    server = BeltServer(PLAN)
    server.open()
    yield server
    server.close()


def test_parts_pass_barrier_camera_and_gate_in_the_order_of_time() -> None:
    seen = list(islice(BeltPlan(rate_hz=10).happenings(0), 12))
    assert [at for at, _, _ in seen] == sorted(at for at, _, _ in seen)
    assert seen[:2] == [(0, "barrier", 0), (20_000_000, "camera", 0)]
    assert (330_000_000, "gone", 0) in seen


def test_plain_picture_shows_the_truth() -> None:
    for k in range(20):
        assert (PLAN.picture(k).mean() < 100) == PLAN.is_bad(k)
    assert {PLAN.is_bad(k) for k in range(20)} == {True, False}


def test_parts_look_like_the_simulated_line() -> None:
    plan = BeltPlan(size_px=(64, 48))
    assert plan.picture(3).shape == (48, 64, 3)
    assert np.array_equal(plan.picture(3), plan.picture(103))


def test_gate_record_tells_for_how_long_it_was_open() -> None:
    gate = GateRecord(watchdog_ns=100 * MS)
    gate.switch(True, 10 * MS)
    gate.switch(True, 15 * MS)
    gate.switch(False, 40 * MS)
    gate.switch(True, 60 * MS)
    gate.switch(False, 64 * MS)
    assert gate.open_ns(0, 9 * MS) == 0
    assert gate.open_ns(0, 20 * MS) == 5 * MS, "it needs 5 ms to open"
    assert gate.open_ns(20 * MS, 30 * MS) == 10 * MS
    assert gate.open_ns(30 * MS, 50 * MS) == 10 * MS
    assert gate.open_ns(50 * MS, 90 * MS) == 0, "4 ms move no valve"
    assert not gate.is_open


def test_watchdog_shuts_the_gate_at_its_time_however_late_that_is_noticed() -> None:
    gate = GateRecord(watchdog_ns=40 * MS)
    gate.switch(True, 100 * MS)
    gate.switch(True, 120 * MS)
    assert gate.open_ns(130 * MS, 500 * MS) == 30 * MS
    gate.switch(True, 600 * MS)
    assert gate.open_ns(160 * MS, 600 * MS) == 0


@pytest.mark.parametrize(
    ("outcome", "field"),
    [
        (Outcome(0, True, 1, 30, True), "bad_accepted"),
        (Outcome(0, False, 30, 30, True), "good_accepted"),
        (Outcome(0, False, 29, 30, True), "good_lost"),
        (Outcome(0, False, 0, 30, False), "good_lost_down"),
    ],
)
def test_gate_that_moves_under_a_part_counts_against_the_station(
    outcome: Outcome, field: str
) -> None:
    tally = BeltTally()
    tally.add(outcome)
    assert getattr(tally, field) == 1
    assert tally.bad_accepted + tally.good_accepted + tally.good_lost + tally.good_lost_down == 1


def output(belt: BeltServer) -> BeltOutput:
    return BeltOutput(BeltOutputTable(driver="belt", port=belt.port), name="gate", clock=CLOCK)


def order(action: Action) -> Decision:
    return Decision("p", Verdict.PASS, action, "", 1.0, ())


def test_gate_that_is_not_told_again_shuts_by_itself(belt: BeltServer) -> None:
    gate = output(belt)
    gate.open()
    gate.write(order("accept"))
    assert gate.status().read_back == "accept"
    told_ns = CLOCK.mono_ns()
    assert belt.gate.open_ns(told_ns + 41 * MS, told_ns + 500 * MS) == 0
    gate.write(order("accept"))
    gate.close()
    assert wait_until(lambda: not belt.gate.is_open), "shut when the station is gone"


def test_driver_connects_again_after_the_belt_hung_up(belt: BeltServer) -> None:
    first, second = output(belt), output(belt)
    first.open()
    second.open()
    assert wait_until(lambda: is_lost(first))
    first.write(order("accept"))
    assert not first.status().fault
    first.close()
    second.close()


def is_lost(gate: BeltOutput) -> bool:
    """Whether the next order is refused."""
    try:
        gate.write(order("accept"))
    except DeviceError as error:
        return "is lost" in str(error)
    return False


def test_trigger_and_camera_tell_the_same_parts_at_their_own_times(belt: BeltServer) -> None:
    trigger = BeltTrigger(
        BeltTriggerTable(driver="belt", port=belt.port), name="barrier", clock=CLOCK
    )
    camera = BeltCamera(BeltCameraTable(driver="belt", port=belt.port), name="top", clock=CLOCK)
    gate = output(belt)
    for device in (trigger, camera, gate):
        device.open()
    stop = threading.Event()
    thread = threading.Thread(target=belt.run, args=[stop, 3])
    thread.start()
    edges = [trigger.next(5) for _ in range(3)]
    frames = [camera.next(5) for _ in range(3)]
    thread.join(10)
    for edge, frame in zip(edges, frames, strict=True):
        assert edge is not None
        assert frame is not None
        assert edge.seq == frame.seq
        assert frame.device_ns == edge.mono_ns + PLAN.ns_after(PLAN.camera_mm)
        assert (frame.image.mean() < 100) == PLAN.is_bad(frame.seq)
    assert belt.tally.parts == 3
    assert belt.tally.bad_accepted == 0
    assert trigger.status().missed == 0
    for device in (trigger, camera, gate):
        device.close()


def test_absent_belt_is_an_error_that_names_the_command() -> None:
    with pytest.raises(DeviceError, match="lineside-agent belt"):
        BeltLink(BeltAddress(port=1), "camera").open()
