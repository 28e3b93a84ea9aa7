"""A line that acts on parts until it is killed: one line on stdout for each part acted on.

    python -m benchmarks.durability_child STATE PORT [--drain] [--level-2]

--drain: act on nothing, send what waits, and end. --level-2: the plant's database confirms.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from benchmarks.durability_line import Ack, open_line, verdict, wait_for

BURST = 5
"""Parts of a millisecond at most."""
WAITING_MAX = 20_000
"""A line that is ahead of its plant by so many waits: it measures losses, not a full disk."""
DRAIN_S = 3600.0
"""Whoever starts this process ends it when it waits too long."""


def main() -> None:
    """Number, act, record, as a station does."""
    ack: Ack = "application" if "--level-2" in sys.argv else "broker"
    outbox, sender = open_line(Path(sys.argv[1]), int(sys.argv[2]), ack)
    if "--drain" in sys.argv:
        wait_for(lambda: outbox.waiting == 0, DRAIN_S)
        sender.stop(10)
        outbox.stop()
        return
    while True:
        for _ in range(BURST):
            number = outbox.take()
            os.write(1, b"acted\n")
            outbox.put(verdict(), number)
        time.sleep(0.001)
        while outbox.waiting > WAITING_MAX:
            time.sleep(0.01)


if __name__ == "__main__":
    main()
