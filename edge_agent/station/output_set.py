"""The outputs of a station, written one after the other; one that fails stops no other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from edge_agent.contracts.core.errors import DeviceError, LinesideError
from edge_agent.contracts.core.faults import convert_faults
from edge_agent.contracts.wire.decision import Decision
from edge_agent.outputs.output import Output, OutputStatus
from edge_agent.outputs.timed import TimedOutput

LOG = logging.getLogger("lineside.station")

BUSY_S = 1.0
"""Longest wait of status and safe state for an output that hangs in a decision."""


class OutputSet:
    """Named outputs; any thread may write, one at a time does.

    also: told of every decision after them, such as the lines on a terminal.
    """

    def __init__(
        self, outputs: Mapping[str, Output], also: Callable[[Decision], None] | None = None
    ) -> None:
        self.faults: dict[str, str] = {}
        self._acting = ""
        self._outputs = dict(outputs)
        self._also = also
        self._opened: list[str] = []
        self._timed = {n: o for n, o in outputs.items() if isinstance(o, TimedOutput)}
        # An output is called by one thread at a time; decisions come from several.
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open every output, in its safe state; raises DeviceError, and may be called again."""
        with self._lock:
            for name, output in self._outputs.items():
                if name not in self._opened:
                    output.open()
                    self._opened.append(name)

    def expect(self, part_id: str, trigger_ns: int) -> None:
        """A part passed the trigger: tell the gates, which any thread may."""
        for output in self._timed.values():
            output.expect(part_id, trigger_ns)

    def correct(self, decision: Decision) -> None:
        """A part that was decided otherwise is bad: reject it where it is not at a gate yet."""
        bad = replace(decision, action="reject")
        with self._lock:
            for name, output in self._timed.items():
                self._try(f"output {name}", partial(output.write, bad))

    def write(self, decision: Decision) -> None:
        """Let every output act on a decision; what fails is in `faults` until it works again."""
        with self._lock:
            for name, output in self._outputs.items():
                self._try(f"output {name}", partial(output.write, decision))
            if self._also is not None:
                self._try("output", partial(self._also, decision))

    def show_safe_state(self) -> None:
        """Show every output's safe state; an output that hangs in a decision is left alone."""
        if not self._lock.acquire(timeout=BUSY_S):
            LOG.error("an output hangs: its safe state cannot be shown")
            return
        try:
            for name in self._opened:
                self._try(f"output {name}", self._outputs[name].show_safe_state)
        finally:
            self._lock.release()

    def status(self) -> dict[str, OutputStatus]:
        """What every output shows; nothing while one hangs."""
        if not self._lock.acquire(timeout=BUSY_S):
            return {}
        try:
            return {name: output.status() for name, output in self._outputs.items()}
        finally:
            self._lock.release()

    def read_back(self) -> None:
        """Ask every device what it shows; one that shows something else than asked is a fault."""
        for name, status in self.status().items():
            key, fault = f"output {name} reads back", status.fault
            if not fault and status.read_back not in (None, status.commanded):
                fault = f"shows {status.read_back}, {status.commanded} was asked"
            if fault and self.faults.get(key) != fault:
                LOG.error("%s: %s", key, fault)
            self.faults.pop(key, None)
            if fault:
                self.faults[key] = fault

    def why_still(self, still_s: float) -> str:
        """Why nothing was decided for so long: an output that is written holds all others up."""
        if acting := self._acting:
            return f"{acting} hangs: nothing is decided"
        return f"nothing was decided for {still_s:.1f} s: the machine is too busy, or was asleep"

    def close(self) -> None:
        """Close every output; they leave their safe state behind."""
        if not self._lock.acquire(timeout=BUSY_S):
            LOG.error("an output hangs: it cannot be closed")
            return
        try:
            while self._opened:
                self._outputs[self._opened.pop()].close()
        finally:
            self._lock.release()

    def _try(self, name: str, act: Callable[[], None]) -> None:
        self._acting = name
        try:
            # Also a fault in a driver must cost neither the other outputs nor the record.
            with convert_faults():
                act()
        except LinesideError as error:
            if name not in self.faults:
                expected = isinstance(error, DeviceError)
                LOG.log(logging.ERROR, "%s failed: %s", name, error, exc_info=not expected)
            self.faults[name] = str(error)
        else:
            if self.faults.pop(name, None) is not None:
                LOG.warning("%s works again", name)
        finally:
            self._acting = ""
