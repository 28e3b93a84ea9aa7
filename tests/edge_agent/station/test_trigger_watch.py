"""A part that the trigger reports is decided, also when no camera sees it."""

from __future__ import annotations

import os
import pty
import threading
import tty
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import ManualClock, SystemClock
from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.station.config import read_config
from edge_agent.station.counts import StationCounts
from edge_agent.station.part_tracker import PartTracker
from edge_agent.station.station import Station
from edge_agent.station.trigger_watch import CodeWatch, JobChoice, TriggerSet, TriggerWatch
from edge_agent.trigger.bar_code import BarCodeTable, BarCodeTrigger
from edge_agent.trigger.trigger import TriggerEvent, TriggerStatus
from tests.station_kit import wait_until, write_station

CAMERA = (
    'driver = "simulated"\nseed = 3\nparts = 6\nwidth_px = 320\nheight_px = 240\nrate_hz = 20\n'
)
TRIGGER = 'driver = "simulated"\nseed = 3\nparts = 8\nrate_hz = 20\n'
JOINED = 'join = "part_id"\ndeadline_ms = 1500'


def test_part_that_the_camera_missed_is_no_verdict(bench: Path) -> None:
    decisions: list[Decision] = []
    config = read_config(write_station(bench, CAMERA, trigger=TRIGGER, line=JOINED))
    stop = threading.Event()
    station = Station(config, clock=SystemClock(), output=decisions.append)
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    thread.join(30)
    by_part = {decision.part_id: decision for decision in decisions}
    seen = {f"sim-3-{k}" for k in range(6)}
    assert len(by_part) == len(decisions), "each part is decided once"
    assert seen <= set(by_part)
    for part_id in set(by_part) - seen:
        assert by_part[part_id].verdict == Verdict.NO_VERDICT
        assert by_part[part_id].reason.startswith("top: no verdict")


@pytest.mark.parametrize(
    ("trigger", "line"),
    [(TRIGGER, "deadline_ms = 500"), ('driver = "free_run"\nperiod_s = 1', JOINED)],
    ids=["not joined", "names no parts"],
)
def test_trigger_whose_events_find_no_items_is_refused(
    bench: Path, trigger: str, line: str
) -> None:
    with pytest.raises(ConfigError, match="an event finds the items of its part"):
        read_config(write_station(bench, CAMERA, trigger=trigger, line=line))


class Barrier:
    """A trigger that a test unplugs; each open gives one event."""

    def __init__(self) -> None:
        self.unplugged = False
        self.opened = 0
        self._given = False

    def open(self) -> None:
        if self.unplugged:
            raise DeviceError("absent", where="trigger", cure="plug it in")
        self.opened += 1
        self._given = False

    def next(self, timeout_s: float) -> TriggerEvent | None:
        if self.unplugged:
            raise DeviceError("pulled out", where="trigger", cure="plug it in")
        if self._given:
            threading.Event().wait(timeout_s)
            return None
        self._given = True
        return TriggerEvent(0, self.opened, f"p{self.opened}")

    def status(self) -> TriggerStatus:
        return TriggerStatus()

    def close(self) -> None:
        self._given = False


class Expecting(PartTracker):
    """Remembers what is expected."""

    def __init__(self) -> None:
        self.expected: list[str] = []

    def expect(self, part_id: str, mono_ns: int) -> None:
        self.expected.append(part_id)


def test_lost_trigger_is_a_fault_until_it_is_there_again() -> None:
    barrier, line = Barrier(), Expecting()
    watch = TriggerWatch(barrier, clock=SystemClock(), counts=StationCounts(), reopen_s=(0.01,))
    watch.start(line)
    assert wait_until(lambda: line.expected == ["p1"])
    barrier.unplugged = True
    assert wait_until(lambda: watch.fault)
    barrier.unplugged = False
    assert wait_until(lambda: not watch.fault and line.expected == ["p1", "p2"])
    watch.stop()


class Ahead(Barrier):
    """A trigger whose clock began before that of the station."""

    def next(self, timeout_s: float) -> TriggerEvent | None:
        event = super().next(timeout_s)
        return event and TriggerEvent(10**18, event.seq, event.part_id)


class Times(Expecting):
    """Remembers when parts came."""

    def expect(self, part_id: str, mono_ns: int) -> None:
        self.expected.append(str(mono_ns))


def test_trigger_of_another_clock_expects_its_part_now() -> None:
    line, clock = Times(), ManualClock()
    clock.advance_s(5)
    watch = TriggerWatch(Ahead(), clock=clock, counts=StationCounts())
    watch.start(line)
    assert wait_until(lambda: line.expected == [str(5 * 10**9)])
    watch.stop()


class Named(PartTracker):
    """Remembers what names parts."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.expected: list[str] = []

    def name(self, code: str, read_ns: int) -> None:
        self.names.append(code)

    def expect(self, part_id: str, mono_ns: int) -> None:
        self.expected.append(part_id)


def test_codes_name_parts_and_job_codes_change_over() -> None:
    line, codes = pty.openpty()
    tty.setraw(codes)
    table = BarCodeTable(driver="bar_code", device=os.ttyname(codes))
    reader = BarCodeTrigger(table, name="codes", clock=SystemClock())
    jobs: list[str] = []
    watch = CodeWatch(
        reader, clock=SystemClock(), counts=StationCounts(), chooses=JobChoice("JOB:", jobs.append)
    )
    tracker, watches = Named(), TriggerSet({"part_id": watch})
    watches.start(tracker)
    os.write(line, b"A1\r\nJOB: caps\r\nA2\r\n")
    assert wait_until(lambda: tracker.names == ["A1", "A2"])
    assert (jobs, tracker.expected, watches.faults) == (["caps"], [], [])
    watches.stop()
    os.close(line)
    os.close(codes)


READER = '[part_id]\n[part_id.source]\ndriver = "bar_code"\ndevice = "/dev/ttyUSB0"\n'


@pytest.mark.parametrize(
    ("line", "reader", "words"),
    [
        (JOINED, READER, "codes name triggered parts"),
        ('join = "trigger"', READER, "no part could pass in time"),
        (
            'join = "trigger"\ndeadline_ms = 900',
            READER.replace('"bar_code"\ndevice = "/dev/ttyUSB0"', '"free_run"'),
            "'free_run' names no parts",
        ),
    ],
)
def test_reader_that_could_name_nothing_is_refused(
    bench: Path, line: str, reader: str, words: str
) -> None:
    path = write_station(bench, CAMERA, trigger=TRIGGER, line=line)
    path.write_text(path.read_text() + reader)
    with pytest.raises(ConfigError, match=words):
        read_config(path)
