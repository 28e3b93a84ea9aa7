"""A belt with a light barrier, a camera and a gate: where its parts are, and what became of them.

Places are mm from the barrier along the belt; times are ns of CLOCK_MONOTONIC, which all programs
of a machine share.
"""

from __future__ import annotations

import heapq
import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np

from edge_agent.contracts.core.types import Image
from edge_agent.simulator import parts, scene

Look = Literal["parts", "plain"]
"""parts: machined parts with their defects; plain: bright good parts and dark bad ones."""

CYCLE = 100
"""The parts of a belt look like the first hundred of the simulated line, again and again."""


@dataclass(frozen=True)
class BeltPlan:
    """camera_mm, gate_mm: from the barrier; part_mm: length of a part; rate_hz: parts a second.

    The belt has the same speed at every rate: fewer parts lie farther apart.
    """

    seed: int = 1
    rate_hz: float = 10.0
    speed_mm_s: float = 1000.0
    camera_mm: float = 20.0
    gate_mm: float = 300.0
    part_mm: float = 30.0
    defect_rate: float = 0.25
    look: Look = "parts"
    size_px: tuple[int, int] = (320, 240)

    def is_bad(self, k: int) -> bool:
        """The truth of part k."""
        return parts.truth(self.seed, k % CYCLE, self.defect_rate).label != parts.GOOD

    def picture(self, k: int) -> Image:
        """What the camera sees when part k is under it."""
        if self.look == "plain":
            return plain_part(self.seed, k % CYCLE, self.size_px, self.is_bad(k))
        return _drawn(self.seed, k % CYCLE, self.size_px, self.defect_rate)

    def ns_after(self, place_mm: float) -> int:
        """Time from the barrier to a place."""
        return round(place_mm / self.speed_mm_s * 1e9)

    def happenings(self, start_ns: int) -> Iterator[tuple[int, Happening, int]]:
        """(time, what, part) without end, in the order of time."""
        offsets: dict[Happening, int] = {
            "barrier": 0,
            "camera": self.ns_after(self.camera_mm),
            "gone": self.ns_after(self.gate_mm + self.part_mm),
        }
        streams = [self._stream(start_ns + offset, what) for what, offset in offsets.items()]
        return heapq.merge(*streams)

    def _stream(self, start_ns: int, what: Happening) -> Iterator[tuple[int, Happening, int]]:
        k = 0
        while True:
            yield start_ns + round(k * 1e9 / self.rate_hz), what, k
            k += 1


Happening = Literal["barrier", "camera", "gone"]
"""The part's edge, its picture, and the moment at which it has left the gate behind."""


@dataclass
class GateRecord:
    """What a gate was told and what it did. Any thread may call it; open lets parts through.

    It opens when it has been told so for OPENS_NS, as a valve needs to be, and shuts at once. Its
    own watchdog shuts it `watchdog_ns` after it was told last, however busy this computer is.
    """

    watchdog_ns: int
    _told_ns: int = 0
    _times: list[int] = field(default_factory=lambda: [0])
    _states: list[bool] = field(default_factory=lambda: [False])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_open(self) -> bool:
        """Whether it is told to let parts through."""
        return self._states[-1]

    def switch(self, is_open: bool, now_ns: int) -> None:
        """It is told to open or to shut."""
        with self._lock:
            self._let_watchdog(now_ns)
            self._told_ns = now_ns
            self._note(is_open, now_ns)

    def _let_watchdog(self, now_ns: int) -> None:
        shut_ns = self._told_ns + self.watchdog_ns
        if now_ns > shut_ns:
            self._note(False, shut_ns)

    def _note(self, is_open: bool, now_ns: int) -> None:
        if is_open != self._states[-1]:
            self._times.append(max(now_ns, self._times[-1]))
            self._states.append(is_open)

    def open_ns(self, from_ns: int, until_ns: int) -> int:
        """For how long it was open in that time."""
        with self._lock:
            self._let_watchdog(until_ns)
            first = max(0, bisect_right(self._times, from_ns) - 1)
            last = bisect_right(self._times, until_ns)
            ends = [*self._times[first + 1 : last], until_ns]
            spans = zip(self._times[first:last], self._states[first:last], ends, strict=True)
            opened = [(begin + OPENS_NS, end) for begin, is_open, end in spans if is_open]
        return sum(max(0, end - max(begin, from_ns)) for begin, end in opened)


OPENS_NS = 5_000_000
"""A gate that is told to open is open after this."""


@dataclass(frozen=True)
class Outcome:
    """What became of a part. open_ms: for how long the gate was open while the part was there,
    present_ms; followed: barrier, camera and gate were connected from its edge until it had gone.
    """

    k: int
    bad: bool
    open_ms: float
    present_ms: float
    followed: bool

    @property
    def accepted(self) -> bool:
        """Whether the gate was open at any moment while the part was there."""
        return self.open_ms > 0

    @property
    def rejected(self) -> bool:
        """Whether it was shut at any moment; both: it moved under the part."""
        return self.open_ms < self.present_ms

    @property
    def words(self) -> str:
        """Of a line on a terminal."""
        told = "accepted" if self.accepted else "rejected"
        fault = "  A BAD PART WENT THROUGH" if self.bad and self.accepted else ""
        lost = "" if self.followed else "  (no station)"
        return f"part {self.k}: {'bad' if self.bad else 'good'}, {told}{lost}{fault}"


@dataclass
class BeltTally:
    """Counts of outcomes. good_lost: good parts that were rejected though a station was there;
    good_lost_down: while there was none.
    """

    parts: int = 0
    bad: int = 0
    bad_accepted: int = 0
    good_accepted: int = 0
    good_lost: int = 0
    good_lost_down: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one part."""
        lost = not outcome.bad and outcome.rejected
        self.parts += 1
        self.bad += outcome.bad
        self.bad_accepted += outcome.bad and outcome.accepted
        self.good_accepted += not outcome.bad and not outcome.rejected
        self.good_lost += lost and outcome.followed
        self.good_lost_down += lost and not outcome.followed


@lru_cache(maxsize=CYCLE)
def plain_part(seed: int, k: int, size_px: tuple[int, int], bad: bool) -> Image:
    """A bright picture, or a dark one; each with noise of its own."""
    width, height = size_px
    noise = np.random.default_rng([seed, k, 11]).integers(-4, 5, (height, width, 3))
    return np.clip(noise + (40 if bad else 200), 0, 255).astype(np.uint8)


@lru_cache(maxsize=CYCLE)
def _drawn(seed: int, k: int, size_px: tuple[int, int], defect_rate: float) -> Image:
    return scene.render(seed, k, *size_px, defect_rate)
