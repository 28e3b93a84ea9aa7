"""The bound on one call into a runtime, in processes that may be ended for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from edge_agent.contracts.core.isolation import NATIVE_LIMIT


@contextmanager
def native_call() -> Iterator[None]:
    """Inside, SIGALRM ends this process when its NATIVE_LIMIT is over.

    Native code cannot be interrupted otherwise. Only children that were made for a stranger's model
    have such a limit; a station's watchdog is another matter.
    """
    limit_s = float(os.environ.get(NATIVE_LIMIT, 0))
    if not limit_s:
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
