"""A camera that is read by a thread of its own: a stall or a slow line never builds up delay."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.real_time import RealTimeThread
from edge_agent.contracts.core.types import Frame, Image, Unreadable

LOG = logging.getLogger("lineside.capture")

WAITING = 2
"""Frames that wait for the line; a newer one takes the place of the oldest, and leaves a hole in
`seq`. The station's own queue lies behind."""
END_S = 15.0
"""Longest wait for the thread at close()."""


@dataclass(frozen=True)
class LiveFrame:
    """What a device gave: a picture, or why there is none.

    device_ns: its own time stamp; lost: frames that it numbered and that did not arrive.
    """

    image: Image | None
    fault: str = ""
    device_ns: int | None = None
    lost: int = 0


class LiveReader:
    """Calls `read` in a thread until it raises, and keeps the newest frames.

    read: waits for the next frame, at most for the device's own time limit; raises DeviceError
    when the device is lost. It is called by the thread alone.
    """

    def __init__(self, read: Callable[[], LiveFrame], name: str, clock: Clock) -> None:
        self._read = read
        self._name = name
        self._clock = clock
        self._waiting: deque[Frame | Unreadable] = deque(maxlen=WAITING)
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lost: DeviceError | None = None
        self._seq = self._next_seq = 0

    def start(self) -> None:
        """Begin to read an open device; numbers go on from the last one."""
        self._waiting.clear()
        self._stopping = threading.Event()
        self._lost = None
        self._thread = threading.Thread(
            target=self._run, args=[self._stopping], name=f"read-{self._name}", daemon=True
        )
        self._thread.start()

    def begin(self) -> None:
        """Forget the frames that wait, and their numbers; raises DeviceError when it is lost."""
        with self._change:
            if self._lost is not None:
                raise self._lost
            self._waiting.clear()
            self._seq = self._next_seq

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The oldest frame that waits, or None; raises DeviceError when the device is lost."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._lost, timeout_s)
            if self._waiting:
                item = self._waiting.popleft()
                self._next_seq = item.seq + 1
                return item
            if self._lost is not None:
                raise self._lost
            return None

    def stop(self) -> None:
        """End the thread; the device may then be closed."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(END_S)

    def _run(self, stopping: threading.Event) -> None:
        turn = RealTimeThread()
        while not stopping.is_set():
            turn.keep()
            try:
                frame = self._read()
            except DeviceError as error:
                self._give_up(error)
                return
            except Exception as error:
                LOG.exception("channel %s: its camera failed", self._name)
                cure = "see the log; the station opens it again"
                self._give_up(DeviceError(str(error), where=self._name, cure=cure))
                return
            self._put(frame)

    def _put(self, frame: LiveFrame) -> None:
        with self._change:  # a frame has its time and number before begin(), or after it
            self._seq += frame.lost
            self._waiting.append(self._item(frame))
            self._seq += 1
            self._change.notify_all()

    def _item(self, frame: LiveFrame) -> Frame | Unreadable:
        stamp = (self._clock.utc_ns(), self._clock.mono_ns(), self._seq, self._name)
        part_id = str(self._seq)
        if frame.image is None:
            return Unreadable(frame.fault, *stamp, part_id)
        return Frame(frame.image, *stamp, part_id, frame.device_ns)

    def _give_up(self, error: DeviceError) -> None:
        with self._change:
            self._lost = error
            self._change.notify_all()
