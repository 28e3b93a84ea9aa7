"""What runs on the emulated arm64 board: the station's own trigger on a pin of the board."""

from __future__ import annotations

import json
import sys
import time

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.trigger.gpio import GpioTrigger, GpioTriggerTable

LINE = 1
WAIT_S = 60.0


def main() -> None:
    """Write READY, then count parts until none came for a while; write RESULT."""
    keys = {"driver": "gpio", "chip": "/dev/gpiochip0", "line": LINE, "debounce_ms": 0}
    barrier = GpioTriggerTable.model_validate(keys)
    trigger = GpioTrigger(barrier, name="barrier", clock=SystemClock())
    trigger.open()
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    seqs: list[int] = []
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        event = trigger.next(0.5)
        if event is not None:
            seqs.append(event.seq)
            until = time.monotonic() + 5.0
    trigger.close()
    sys.stdout.write(f"RESULT barrier {json.dumps(seqs)}\n")


if __name__ == "__main__":
    main()
