"""A PLC with a belt, a camera's trigger and a reject gate, as a process that can be killed.

    python -m benchmarks.plc_program PROTOCOL PORT --pictures DIR --began MONO_S ...

Part k passes the camera at BEGAN + k * pitch and the gate --gate seconds later. The gate's rest is
"reject": a part passes only where its own result said PASS and accept. Each part's end is a line on
stdout: number, accept or reject, acquisition id (0: not accepted), milliseconds from trigger to
result (-1: none came in time).
"""

from __future__ import annotations

import argparse
import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.plc_memory import MEMORIES, PlcMemory
from benchmarks.plc_tags import EthernetIpTags

STALE_S = 0.5
"""A heartbeat that stands still for so long is that of a dead station."""
ACK_S = 0.06
"""A trigger without an answer for so long is taken back."""
BAD_SHARE = 0.25
CYCLE_S = 0.01
"""Of the program."""

ENABLE, TRIGGER, RESULT_ACK = 1, 2, 4
READY, TRIGGER_ACK, RESULT_VALID = 2, 4, 16
ACQUISITION, RESULT_ID, PART, RESULT, HEARTBEAT, FLAGS = 1, 8, 9, 10, 12, 13
"""Words of the status block, by the page docs/plc-handshake.md."""
PASS_AND_ACCEPT = 0x11
PROGRAM_MEMORIES = MEMORIES | {"ethernet_ip": EthernetIpTags}


def is_bad(part: int) -> bool:
    """The truth about a part."""
    return random.Random(f"1/{part}").random() < BAD_SHARE


@dataclass
class BeltPart:
    """A part between camera and gate."""

    number: int
    at_s: float
    acquisition: int = 0
    result_ms: int = -1
    passes: bool = False


@dataclass
class PlcProgram:
    """One cycle of the program after the other; times are of the monotonic clock, in seconds."""

    memory: PlcMemory
    options: argparse.Namespace
    samples: dict[str, list[bytes]]
    belt: list[BeltPart] = field(default_factory=list)
    waiting: BeltPart | None = None
    control: int = ENABLE
    part_word: int = 0
    heartbeat: int = 0
    beat_s: float = 0.0
    next_part: int = 0
    raised_s: float = 0.0

    def cycle(self) -> None:
        """Read the status, move the belt, answer the station, move the gate."""
        status = self.memory.read_status()
        now = time.monotonic()
        if status[HEARTBEAT] != self.heartbeat:
            self.heartbeat, self.beat_s = status[HEARTBEAT], now
        alive = self.heartbeat != 0 and now - self.beat_s < STALE_S
        self._move_belt(now)
        self._take_result(status, now)
        self._trigger(status, now, alive)
        self.memory.write_command([self.control, self.part_word, 0])
        self._move_gate(now)

    def start(self) -> None:
        """Begin with the next part that comes: the ones before went by."""
        gone = (time.monotonic() - self.options.began) / self.options.pitch
        self.next_part = max(0, int(gone) + 1)

    def _move_belt(self, now: float) -> None:
        at_s = self.options.began + self.next_part * self.options.pitch
        if now >= at_s:
            part = BeltPart(self.next_part, at_s)
            self.belt.append(part)
            self.next_part += 1
            if self.waiting is None and now - at_s < self.options.pitch / 2:
                self.waiting = part

    def _trigger(self, status: list[int], now: float, alive: bool) -> None:
        """Raise the trigger for the part at the camera, and lower it when it is acknowledged."""
        flags = status[FLAGS]
        part = self.waiting
        if part is None:
            return
        if not self.control & TRIGGER:
            if alive and flags & READY and not flags & TRIGGER_ACK:
                self.control |= TRIGGER
                self.part_word, self.raised_s = part.number & 0xFFFF, now
            elif now - part.at_s > self.options.pitch / 2:
                self.waiting = None
        elif flags & TRIGGER_ACK and alive:
            part.acquisition = status[ACQUISITION]
            self.control &= ~TRIGGER
            self.waiting = None
            self._take_picture(part)
        elif now - self.raised_s > max(ACK_S, self.options.pitch / 2):
            self.control &= ~TRIGGER
            self.waiting = None

    def _take_result(self, status: list[int], now: float) -> None:
        if not status[FLAGS] & RESULT_VALID:
            self.control &= ~RESULT_ACK
            return
        if self.control & RESULT_ACK:
            return
        self.control |= RESULT_ACK
        for part in self.belt:
            is_its = (part.acquisition, part.number & 0xFFFF) == (status[RESULT_ID], status[PART])
            if part.acquisition and is_its:
                part.result_ms = round(1e3 * (now - part.at_s))
                part.passes = status[RESULT] & 0xFF == PASS_AND_ACCEPT

    def _take_picture(self, part: BeltPart) -> None:
        """The camera's upload, whole at once under the part's name."""
        kind = self.samples["bad" if is_bad(part.number) else "good"]
        picture = kind[part.number % len(kind)]
        folder: Path = self.options.pictures
        name = _picture(part)
        hidden = folder / f".{name}"
        hidden.write_bytes(picture)
        hidden.rename(folder / name)

    def _move_gate(self, now: float) -> None:
        while self.belt and now >= self.belt[0].at_s + self.options.gate:
            part = self.belt.pop(0)
            (self.options.pictures / _picture(part)).unlink(missing_ok=True)
            word = "accept" if part.passes else "reject"
            os.write(1, f"{part.number} {word} {part.acquisition} {part.result_ms}\n".encode())


def _picture(part: BeltPart) -> str:
    return f"plc-{part.number & 0xFFFF}-{part.acquisition}.png"


def main() -> None:
    """Run the PLC until it is killed."""
    parser = argparse.ArgumentParser(prog="benchmarks.plc_program", description=__doc__)
    parser.add_argument("protocol", choices=sorted(MEMORIES))
    parser.add_argument("port", type=int)
    parser.add_argument("--pictures", type=Path, required=True, help="where the camera uploads")
    parser.add_argument("--began", type=float, required=True, help="part 0, monotonic seconds")
    parser.add_argument("--pitch", type=float, default=0.1, help="seconds between two parts")
    parser.add_argument("--gate", type=float, default=0.8, help="seconds from camera to gate")
    parser.add_argument(
        "--samples", type=Path, required=True, help="pictures good-N.png and bad-N.png"
    )
    options = parser.parse_args()
    memory = PROGRAM_MEMORIES[options.protocol](options.port)
    samples = {
        kind: [path.read_bytes() for path in sorted(options.samples.glob(f"{kind}-*.png"))]
        for kind in ("good", "bad")
    }
    program = PlcProgram(memory, options, samples)
    for left in options.pictures.glob("*.png"):
        left.unlink()
    program.start()
    while True:
        program.cycle()
        time.sleep(CYCLE_S)


if __name__ == "__main__":
    main()
