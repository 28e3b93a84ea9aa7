"""A line that acts on parts until it is killed: one line on stdout for each part acted on.

    python -m benchmarks.durability_child STATE PORT [--drain]

--drain: act on nothing, send what waits, and end.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from benchmarks.durability import open_line, verdict, wait_for


def main() -> None:
    """Number, act, record, as a station does."""
    outbox, sender = open_line(Path(sys.argv[1]), int(sys.argv[2]))
    if "--drain" in sys.argv:
        wait_for(lambda: outbox.waiting == 0)
        sender.stop(10)
        outbox.stop()
        return
    while True:
        number = outbox.take()
        os.write(1, b"acted\n")
        outbox.put(verdict(), number)
        time.sleep(0.001)


if __name__ == "__main__":
    main()
