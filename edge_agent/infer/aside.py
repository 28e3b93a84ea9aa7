"""Work that a second thread does while the first one is in native code.

A network runs without Python's lock: what else a part needs before its verdict can be done then, on
another core. It costs the part nothing where a core is free; where none is, the thread that needs
the result does the work itself.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.faults import convert_faults
from edge_agent.contracts.core.real_time import RealTimeThread

T = TypeVar("T")

IDLE_S = 10.0
"""A thread that got no work for so long ends; the next work starts another one."""
MOST_WAITING = 16
"""Tasks that wait behind one that hangs: each may hold a frame."""


class Task(Generic[T]):
    """One piece of work, done once, by whoever comes first."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work
        self._value: list[T] = []
        self._error: LinesideError | None = None
        self._turn = threading.Lock()
        self._ended = threading.Lock()
        self._ended.acquire()

    def do(self) -> None:
        """Do the work, unless somebody else does it or did it."""
        if not self._turn.acquire(blocking=False):
            return
        work, self._work = self._work, None  # it may hold a frame
        try:
            with convert_faults():
                if work is not None:
                    self._value.append(work())
        except LinesideError as error:
            self._error = error
        finally:
            self._ended.release()

    def result(self) -> T:
        """What the work gave; does it where nobody has begun.

        Raises the work's LinesideError; what else it raised leaves as a FaultError.
        """
        self.do()
        with self._ended:
            if self._error is not None:
                raise self._error
            return self._value[0]


class Aside:
    """Does tasks in a thread of its own, one after the other; any thread may give them."""

    def __init__(self, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._tasks: SimpleQueue[Task[Any]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, task: Task[Any]) -> None:
        """Let the task be done beside the caller; never waits.

        It is left to who needs its result where MOST_WAITING wait, or no thread can be started.
        """
        if self._tasks.qsize() < MOST_WAITING:
            self._tasks.put(task)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="aside", daemon=True)
            with contextlib.suppress(RuntimeError):  # the system has no more threads
                self._thread.start()

    def _run(self) -> None:
        turn = RealTimeThread()
        while True:
            turn.keep()
            try:
                task = self._tasks.get(timeout=self._idle_s)
            except Empty:
                return
            task.do()
            del task
