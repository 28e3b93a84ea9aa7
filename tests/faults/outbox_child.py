"""An outbox at work, to be recorded: says `K n` when the verdicts below n are on disk, `R n` before
those below n are confirmed, and `E` at its end.

    python tests/faults/outbox_child.py STATE MEMORY
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.outbox_store import OutboxStore
from tests.station_kit import verdict


def main() -> None:
    """Put, wait until it is on disk, now and then confirm."""
    outbox = Outbox(
        OutboxStore(Path(sys.argv[1]), 1),
        ActedCounter(Path(sys.argv[1]), memory=Path(sys.argv[2])),
        station="test",
        hand_over=1000,
        clock=SystemClock(),
        probe_s=0.01,
    )
    outbox.start()
    reader, made = outbox.reader(), 0
    while made < 400:
        for _ in range(1 + made % 7):
            outbox.put(verdict(part_id=f"part{made}-{'x' * (made % 200)}"))
            made += 1
        while reader.after(0, 1000).end < made:
            time.sleep(0.001)
        os.write(1, b"K %d\n" % made)
        if made > 100 and made % 5 == 0:
            os.write(1, b"R %d\n" % (made - 80))
            outbox.confirm(row for row in reader.after(0, 1000).rows if row.seq < made - 80)
    reader.close()
    os.write(1, b"E\n")
    outbox.stop()


if __name__ == "__main__":
    main()
