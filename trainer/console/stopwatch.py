"""How long a step of a fit took, for people."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


class Stopwatch:
    """Runs from when it is made; its text is the time since then, and the processor's part of it.

    clock: seconds, monotonic; processor: seconds of this process and of ended children.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        processor: Callable[[], float] = lambda: sum(os.times()[:4]),
    ) -> None:
        self._clock, self._processor = clock, processor
        self._started = clock(), processor()

    def __str__(self) -> str:
        """Seconds, as "23 s (10 s of processor)"."""
        passed, worked = self._clock() - self._started[0], self._processor() - self._started[1]
        return f"{passed:.0f} s ({worked:.0f} s of processor)"
