"""When this computer itself stood still: a witness on each processor, before all other programs.

A virtual machine is stopped by its host, and a kernel holds programs up. What a station missed in
such a moment says nothing of the station.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile

STEP_S = 0.002
STALL_S = 0.010
"""A witness that sleeps for so much longer than it asked saw a stall."""
PRIORITY = 60
"""Real-time priority of a witness: above all that is measured."""
AFTER_S = 0.75
"""For so long a part may suffer from a stall: its way from the barrier to the gate, and more."""


@dataclass
class Stalls:
    """The stalls that were seen: (end, length), in seconds of the monotonic clock."""

    seen: list[tuple[float, float]] = field(default_factory=list)

    @property
    def longest_ms(self) -> float:
        """Of one stall; 0 where there was none."""
        return 1e3 * max((length for _, length in self.seen), default=0.0)

    def explains(self, mono_s: float) -> bool:
        """Whether a stall ended shortly before this moment."""
        return any(0 <= mono_s - (end - length) <= AFTER_S + length for end, length in self.seen)


@contextmanager
def watch_for_stalls() -> Iterator[Stalls]:
    """Watch while the block runs; the stalls are known when it has ended."""
    stalls = Stalls()
    with TemporaryFile("w+") as notes:
        command = [sys.executable, "-m", "benchmarks.stalls"]
        processors = sorted(os.sched_getaffinity(0))
        witnesses = [subprocess.Popen([*command, str(one)], stdout=notes) for one in processors]
        try:
            yield stalls
        finally:
            for witness in witnesses:
                witness.terminate()
                witness.wait()
            notes.seek(0)
            stalls.seen.extend((float(end), float(length)) for end, length in map(str.split, notes))


def _witness(processor: int) -> None:
    os.sched_setaffinity(0, {processor})
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    while True:
        before_s = time.monotonic()
        time.sleep(STEP_S)
        now_s = time.monotonic()
        late_s = now_s - before_s - STEP_S
        if late_s > STALL_S:
            # one write a line: two witnesses share the file
            os.write(1, f"{now_s:.6f} {late_s:.6f}\n".encode())


if __name__ == "__main__":
    _witness(int(sys.argv[1]))
