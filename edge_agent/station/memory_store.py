"""The channels' memories on disk: STATE_DIR/channels/NAME.json, written whole and fsynced.

A change of an alarm, or of whether frames come to stand still, is written at once; the last frame's
digest alone, which changes with every frame, only now and then, to spare the card.
"""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edge_agent.contracts.core.clock import Clock, SystemClock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.decide.memory import ChannelMemory, MemoryRecord

LOG = logging.getLogger("lineside.station")

EVERY_S = 5.0
"""The last frame's digest is at most so old on disk."""


@dataclass
class Seen:
    """A memory as it was when it was saved last."""

    memory: ChannelMemory
    state: tuple[int, bool] = (0, False)
    saved_ns: float = -math.inf


class MemoryStore:
    """Loads and saves memories; start() and stop() own its thread.

    folder: None where nothing is to be kept (a replay beside the running agent). fault: why the
    memories are not on disk, or empty.
    """

    def __init__(
        self, folder: Path | None, every_s: float = EVERY_S, clock: Clock | None = None
    ) -> None:
        self.fault = ""
        self._clock = clock or SystemClock()
        self._every_ns = round(every_s * 1e9)
        self._seen: dict[str, Seen] = {}
        self._folder = folder
        self._every_s = every_s
        self._records: dict[str, MemoryRecord] = {}
        self._changed: set[str] = set()
        self._stopping = False
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def load(self, channel: str) -> ChannelMemory:
        """The memory that an earlier run left; an empty one where there is none."""
        memory = ChannelMemory()
        if self._folder is None:
            return memory
        path = self._path(self._folder, channel)
        try:
            record = MemoryRecord.model_validate_json(path.read_bytes())
            memory.restore(record)
        except FileNotFoundError:
            return memory
        except (OSError, ValidationError, ValueError) as error:
            LOG.warning(
                "channel %s: its alarms begin anew, %s is damaged: %s", channel, path, error
            )
            return ChannelMemory()
        self._records[channel] = record
        self._seen[channel] = Seen(memory, (memory.alarms.revision, memory.frames.equal > 1))
        return memory

    def note(self, channel: str, memory: ChannelMemory) -> None:
        """Save the channel's memory where the next start would judge otherwise without; the thread
        that changes the memory calls this after each item. Never waits for the disk.
        """
        if self._folder is None:
            return
        seen = self._seen.setdefault(channel, Seen(memory))
        state = (memory.alarms.revision, memory.frames.equal > 1)
        now = self._clock.mono_ns()
        if state == seen.state and now - seen.saved_ns < self._every_ns:
            return
        seen.state, seen.saved_ns = state, now
        self._put(channel, memory.dump())

    def start(self) -> None:
        """Begin to save."""
        if self._folder is None or self._thread is not None:
            return
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="memories", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Save everything, and end; nobody changes a memory any more."""
        for channel, seen in self._seen.items():
            self._put(channel, seen.memory.dump())
        with self._change:
            self._stopping = True
            self._change.notify()
        if self._thread is not None:
            self._thread.join(timeout=15)
            self._thread = None

    def _put(self, channel: str, record: MemoryRecord) -> None:
        with self._change:
            if record == self._records.get(channel):
                return
            self._records[channel] = record
            self._changed.add(channel)
            self._change.notify()

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._changed or self._stopping, self._every_s)
                stopping = self._stopping
                changed = {name: self._records[name] for name in self._changed}
                self._changed.clear()
            for name, record in changed.items():
                self._save(name, record)
            if stopping:
                return
            if self.fault:
                self._wait()

    def _save(self, channel: str, record: MemoryRecord) -> None:
        if self._folder is None:
            return
        try:
            write_atomic(self._path(self._folder, channel), record.model_dump_json().encode())
        except StorageError as error:
            if not self.fault:
                LOG.warning("alarms are not kept for the next start: %s", error)
            self.fault = str(error)
            with self._change:
                self._changed.add(channel)
        else:
            if self.fault:
                LOG.warning("alarms are kept again")
            self.fault = ""

    def _wait(self) -> None:
        """After a fault: not before some time, unless the end is near."""
        with self._change:
            self._change.wait_for(lambda: self._stopping, self._every_s)

    @staticmethod
    def _path(folder: Path, channel: str) -> Path:
        return folder / f"{channel}.json"
