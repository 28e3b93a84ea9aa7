"""The thread of the trigger: each part it reports is expected, whether or not a camera sees it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.station.counts import StationCounts
from edge_agent.station.part_numbers import PartNumbers
from edge_agent.station.part_tracker import PartTracker
from edge_agent.trigger.trigger import EndOfTrigger, Trigger, TriggerStatus

LOG = logging.getLogger("lineside.station")

TICK_S = 0.1
REOPEN_S = (0.5, 1.0, 2.0, 5.0)
"""Waits before a lost trigger is opened again; the last one repeats."""


class TriggerWatch:
    """Opens a trigger and tells the part tracker of every event; start() and stop() own its thread.

    fault: what is lost, or empty. numbers: name the parts that the trigger does not name; without
    them those are passed over. choose_job: takes what follows `job_prefix` in an event.
    """

    def __init__(
        self,
        trigger: Trigger,
        *,
        clock: Clock,
        counts: StationCounts,
        reopen_s: Sequence[float] = REOPEN_S,
        numbers: PartNumbers | None = None,
        job_prefix: str = "",
        choose_job: Callable[[str], object] = str,
    ) -> None:
        self._job_prefix = job_prefix
        self._choose_job = choose_job
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

    def status(self) -> TriggerStatus:
        """What the device counted."""
        return self._trigger.status()

    def _run(self, tracker: PartTracker) -> None:
        while not self._stopping.is_set():
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
        if event is None:
            return
        if self._job_prefix and event.part_id.startswith(self._job_prefix):
            self._choose_job(event.part_id.removeprefix(self._job_prefix).strip())
            return
        part_id = event.part_id or (self._numbers.next() if self._numbers else "")
        if part_id:
            tracker.expect(part_id, event.mono_ns)

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
