"""The bound on one call into a runtime, in processes that may be ended for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge_agent.contracts.core.isolation import NATIVE_LIMIT


@contextmanager
def native_call() -> Iterator[None]:
    """Inside, SIGALRM ends this process when its NATIVE_LIMIT is over.

    Native code cannot be interrupted otherwise. Only children that were made for a stranger's model
    have such a limit; a station's watchdog is another matter.
    """
    limit_s = _limit_s()
    if not limit_s:
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def bounded(call: Callable[[], object]) -> Callable[[], object]:
    """`call` within native_call(); itself where this process has no limit, and costs nothing.

    A process has its limit before it loads a model, or never.
    """
    if not _limit_s():
        return call

    def within() -> object:
        with native_call():
            return call()

    return within


def _limit_s() -> float:
    return float(os.environ.get(NATIVE_LIMIT, 0))
