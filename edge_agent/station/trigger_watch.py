"""The thread of the trigger: each part it reports is expected, whether or not a camera sees it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edge_agent.capture.queue import GrabWatch
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.real_time import RealTimeThread
from edge_agent.contracts.core.types import Item
from edge_agent.encoder.follower import Follower
from edge_agent.station.counts import StationCounts
from edge_agent.station.part_numbers import PartNumbers
from edge_agent.station.part_tracker import PartTracker
from edge_agent.trigger.trigger import EndOfTrigger, Seeing, Trigger, TriggerEvent, TriggerStatus

LOG = logging.getLogger("lineside.station")

TICK_S = 0.1
REOPEN_S = (0.5, 1.0, 2.0, 5.0)
"""Waits before a lost trigger is opened again; the last one repeats."""


@dataclass(frozen=True)
class JobChoice:
    """Part ids that begin with `prefix` are no parts: what follows is given to `choose`."""

    prefix: str = ""
    choose: Callable[[str], object] = str

    def takes(self, part_id: str) -> bool:
        """Whether it was a job, which is chosen now."""
        if not self.prefix or not part_id.startswith(self.prefix):
            return False
        self.choose(part_id.removeprefix(self.prefix).strip())
        return True


class TriggerWatch:
    """Opens a trigger and tells the part tracker of every event; start() and stop() own its thread.

    fault: what is lost, or empty. numbers: name the parts that the trigger does not name; without
    them those are passed over. chooses: which part ids are jobs.
    """

    def __init__(
        self,
        trigger: Trigger,
        *,
        clock: Clock,
        counts: StationCounts,
        reopen_s: Sequence[float] = REOPEN_S,
        numbers: PartNumbers | None = None,
        chooses: JobChoice | None = None,
    ) -> None:
        self._chooses = chooses or JobChoice()
        self.fault = ""
        self._numbers = numbers
        self._trigger = trigger
        self._clock = clock
        self._counts = counts
        self._reopen_s = tuple(reopen_s)
        self._attempts = 0
        self._missed = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, tracker: PartTracker) -> None:
        """Open the trigger and begin to listen to it; raises DeviceError or StorageError."""
        if self._numbers is not None:
            self._numbers.open()
        self._trigger.open()
        self._stopping.clear()
        self._thread = threading.Thread(
            target=self._run, args=[tracker], name="trigger", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Expect no more parts, and release the device."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=15)
            self._thread = None
        self._trigger.close()

    @property
    def warning(self) -> str:
        """What somebody should know although parts go on; or empty."""
        fault = self._numbers.fault if self._numbers else ""
        return f"part numbers have a word behind them, none can be reserved: {fault}" * bool(fault)

    def status(self) -> TriggerStatus:
        """What the device counted."""
        return self._trigger.status()

    def _run(self, tracker: PartTracker) -> None:
        turn = RealTimeThread()
        while not self._stopping.is_set():
            turn.keep()
            try:
                self._step(tracker)
            except EndOfTrigger:
                return
            except DeviceError as error:
                self._lose(str(error))
            except Exception as error:
                if self._counts.add_fault().bit_count() == 1:
                    LOG.exception("the trigger failed; going on")
                self._lose(repr(error))

    def _step(self, tracker: PartTracker) -> None:
        if self.fault:
            self._trigger.open()
            LOG.warning("the trigger is there again")
            self.fault = ""
        event = self._trigger.next(TICK_S)
        self._attempts = 0
        self._tell_missed()
        if event is not None:
            self._tell(tracker, event)

    def _tell(self, tracker: PartTracker, event: TriggerEvent) -> None:
        if self._chooses.takes(event.part_id):
            return
        part_id = event.part_id or (self._numbers.next() if self._numbers else "")
        if part_id:
            # A stamp of another clock may lie ahead: such a part would never be due.
            tracker.expect(part_id, min(event.mono_ns, self._clock.mono_ns()))

    def _tell_missed(self) -> None:
        """A part that the device counted and nobody took went by without a verdict of its own."""
        missed = self._trigger.status().missed
        if missed > self._missed:
            LOG.error("the trigger missed %d parts, %d in all", missed - self._missed, missed)
        self._missed = missed

    def _lose(self, fault: str) -> None:
        if not self.fault:
            LOG.error("the trigger is lost: %s", fault)
        self.fault = fault
        self._trigger.close()
        self._stopping.wait(self._reopen_s[min(self._attempts, len(self._reopen_s) - 1)])
        self._attempts += 1


class CodeWatch(TriggerWatch):
    """Opens a reader and tells the part tracker of every code, by which parts get their names."""

    def _tell(self, tracker: PartTracker, event: TriggerEvent) -> None:
        if event.part_id and not self._chooses.takes(event.part_id):
            tracker.name(event.part_id, event.mono_ns)


class SeenFirst:
    """Shows each item to a trigger before the part tracker has it."""

    def __init__(self, seeing: Seeing, watch: GrabWatch) -> None:
        self._seeing = seeing
        self._watch = watch

    def grabbed(self, item: Item) -> None:
        """The item is here."""
        try:
            self._seeing.see(item)
        finally:
            self._watch.grabbed(item)

    def dropped(self, item: Item) -> None:
        """The item goes by unseen."""
        self._watch.dropped(item)


class TriggerSet:
    """What reports and names parts, and follows the belt; names are for messages."""

    def __init__(
        self,
        watches: Mapping[str, TriggerWatch],
        follower: Follower | None = None,
        seeing: Seeing | None = None,
    ) -> None:
        self._seeing = seeing
        self._watches = dict(watches)
        self._follower = follower

    def start(self, tracker: PartTracker) -> None:
        """Listen to all of them; raises DeviceError or StorageError."""
        if self._follower is not None:
            self._follower.start()
        for watch in self._watches.values():
            watch.start(tracker)

    def watch(self, channel: str, tracker: PartTracker) -> GrabWatch:
        """What the source of a channel tells of each item: the trigger that looks at it first."""
        watch = tracker.watch(channel)
        if self._seeing is None or self._seeing.channel != channel:
            return watch
        return SeenFirst(self._seeing, watch)

    def stop(self) -> None:
        """Listen to none."""
        for watch in self._watches.values():
            watch.stop()
        if self._follower is not None:
            self._follower.stop()

    @property
    def faults(self) -> list[str]:
        """What is lost, with its name."""
        faults = {name: watch.fault for name, watch in self._watches.items()}
        faults["encoder"] = self._follower.fault if self._follower else ""
        return [f"{name}: {fault}" for name, fault in faults.items() if fault]

    @property
    def warnings(self) -> list[str]:
        """What somebody should know although parts go on."""
        return [watch.warning for watch in self._watches.values() if watch.warning]
