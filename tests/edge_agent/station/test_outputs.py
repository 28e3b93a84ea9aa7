"""Outputs act before anybody else, show their safe state, and cost nobody a verdict."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.messaging.config import OutboxTable
from edge_agent.messaging.publisher import Publisher
from edge_agent.outputs.simulated import (
    Movement,
    SimulatedGate,
    SimulatedOutput,
    SimulatedOutputTable,
)
from edge_agent.plc.handshake_devices import NoPlc
from edge_agent.station.actor import Actor
from edge_agent.station.build_devices import build_outputs
from edge_agent.station.config import read_config
from edge_agent.station.counts import StationCounts
from edge_agent.station.output_set import OutputSet
from edge_agent.station.station import Station
from edge_agent.station.timing import Timing
from tests.station_kit import wait_until, write_station


def decision(part_id: str = "p1") -> Decision:
    channel = ChannelVerdict(channel="top", bundle="caps 1.0.0", verdict=Verdict.FAIL)
    return Decision(part_id, Verdict.FAIL, "reject", "top: dark", 1.0, (channel,), 1)


def gate(name: str = "gate") -> SimulatedOutput:
    table = SimulatedOutputTable(driver="simulated", safe_state="stop")
    return SimulatedOutput(table, name=name, clock=SystemClock(), gate=SimulatedGate())


def actions(output: SimulatedOutput) -> list[tuple[str, str]]:
    return [(movement.action, movement.part_id) for movement in output.gate.movements]


def test_output_that_fails_stops_neither_the_others_nor_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = gate("first"), gate("second")
    outputs = OutputSet({"first": first, "second": second})
    outputs.open()
    first.gate.broken = True
    outputs.write(decision("p1"))
    outputs.write(decision("p2"))
    assert outputs.faults == {"output first": str(outputs.faults["output first"])}
    first.gate.broken = False
    outputs.write(decision("p3"))
    assert outputs.faults == {}
    assert actions(second)[1:] == [("reject", "p1"), ("reject", "p2"), ("reject", "p3")]
    assert actions(first)[1:] == [("reject", "p3")]
    logged = [record.message.partition(":")[0] for record in caplog.records]
    assert logged == ["output first failed", "output first works again"]


def test_outputs_show_their_safe_state_first_and_last() -> None:
    output = gate()
    outputs = OutputSet({"gate": output})
    outputs.open()
    outputs.write(decision())
    outputs.show_safe_state()
    outputs.write(decision("p2"))
    outputs.close()
    shown = [("stop", ""), ("reject", "p1"), ("stop", ""), ("reject", "p2"), ("stop", "")]
    assert actions(output) == shown


class Slow:
    """A listener that hangs until it is let go."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.messages: list[Outbound] = []

    def publish(self, message: Outbound) -> None:
        self.free.wait(20)
        self.messages.append(message)


def test_listener_that_hangs_delays_neither_output_nor_other_listeners(tmp_path: Path) -> None:
    slow, quick = Slow(), Slow()
    quick.free.set()
    acted: list[Decision] = []
    clock = SystemClock()
    actor = Actor(
        OutputSet({}, acted.append),
        Publisher(None, OutboxTable(), station="test", state_dir=tmp_path, clock=clock),
        station="test",
        deadline_ms=100,
        counts=StationCounts(),
        listeners=[slow, quick],
    )
    for k in range(50):
        actor.act(decision(f"p{k}"))
    assert len(acted) == 50
    assert wait_until(lambda: len(quick.messages) == 50)
    assert slow.messages == []
    slow.free.set()
    actor.close()
    parts = [m.part_id for m in slow.messages if isinstance(m, VerdictMessage)]
    assert parts == [f"p{k}" for k in range(50)]


def test_station_drives_the_outputs_of_station_toml(bench: Path) -> None:
    path = write_station(bench, 'driver = "folder"\npath = "frames"', line="deadline_ms = 10000")
    path.write_text(
        path.read_text().replace(
            "[[channel]]", '[[output]]\ndriver = "simulated"\nsafe_state = "stop"\n[[channel]]', 1
        )
    )
    outputs = build_outputs(read_config(path), None, SystemClock(), NoPlc())
    assert list(outputs.status()) == ["simulated"]
    station = Station(read_config(path), clock=SystemClock(), keep_trying=False)
    station.run(threading.Event())
    status = station._outputs.status()["simulated"]
    assert status.written == 12
    assert status.commanded == "stop", "the end is the safe state"


def test_device_that_shows_something_else_is_a_fault_until_it_obeys() -> None:
    output = gate()
    outputs = OutputSet({"gate": output})
    outputs.open()
    outputs.write(decision())
    output.gate.movements.append(Movement(0, "accept"))  # somebody moved it by hand
    outputs.read_back()
    assert outputs.faults == {"output gate reads back": "shows accept, reject was asked"}
    outputs.write(decision())
    outputs.read_back()
    assert outputs.faults == {}


def test_output_that_breaks_disarms_the_station(bench: Path) -> None:
    path = write_station(bench, 'driver = "folder"\npath = "frames"\nrate_hz = 20\nat_end = "wait"')
    config = read_config(path)
    broken = threading.Event()

    def output(decision: Decision) -> None:
        if not broken.is_set():
            return
        raise OSError("the relay is gone")

    station, stop = Station(config, clock=SystemClock(), output=output), threading.Event()
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    assert wait_until(lambda: station.counts.parts > 2)
    broken.set()
    assert wait_until(lambda: station.state == "disarmed")
    assert station.reason == "output: the relay is gone"
    stop.set()
    thread.join(20)


def test_only_an_output_that_is_written_is_said_to_hang() -> None:
    within: list[str] = []
    outputs = OutputSet({}, lambda decision: within.append(outputs.why_still(7)))
    outputs.write(decision("p1"))
    assert within == ["output hangs: nothing is decided"]
    busy = "nothing was decided for 7.0 s: the machine is too busy, or was asleep"
    assert outputs.why_still(7) == busy


def test_output_that_hangs_is_told_and_every_part_is_decided_when_it_goes_on(bench: Path) -> None:
    source = 'driver = "folder"\npath = "frames"\nrate_hz = 50\nat_end = "wait"'
    path = write_station(bench, source, line="deadline_ms = 1000")
    hang, free = threading.Event(), threading.Event()

    def output(decision: Decision) -> None:
        if hang.is_set():
            free.wait(20)

    station = Station(
        read_config(path),
        clock=SystemClock(),
        output=output,
        timing=Timing(still_s=0.3, rearm_s=0.2),
    )
    stop = threading.Event()
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    assert wait_until(lambda: station.counts.parts > 2)
    hang.set()
    assert wait_until(lambda: "output hangs: nothing is decided" in station.reason)
    free.set()
    assert wait_until(lambda: station.counts.parts == station.grabbed == 12)
    assert wait_until(lambda: station.state == "armed")
    stop.set()
    thread.join(20)
