"""What flows through the line: frames, recordings, judgements, verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.process.tables import Row

Image: TypeAlias = NDArray[np.uint8]
"""uint8 (H, W, 3), RGB, 0-255."""

Signal: TypeAlias = NDArray[np.float32]
"""float32 (T, C), in the unit of the recording (g unless it says otherwise)."""

Tensor: TypeAlias = NDArray[Any]
"""What a network takes or gives, without the batch axis."""


class Verdict(StrEnum):
    """What the line does with a part. NO-VERDICT takes the station's configured safe action."""

    PASS = "PASS"
    FAIL = "FAIL"
    NO_VERDICT = "NO-VERDICT"


@dataclass(frozen=True)
class Frame:
    """One picture as the driver gave it; `seq` counts from 0, dropped frames included.

    device_ns: the driver's own time stamp, which advances with every frame; None: it has none.
    """

    image: Image
    captured_at_ns: int
    mono_ns: int
    seq: int
    source: str = ""
    part_id: str = ""
    device_ns: int | None = None


@dataclass(frozen=True)
class Reading:
    """A stretch of vibration as the driver gave it; `rpm` is the shaft's speed where known."""

    signal: Signal
    rate_hz: float
    captured_at_ns: int
    mono_ns: int
    seq: int
    source: str = ""
    part_id: str = ""
    rpm: float | None = None


@dataclass(frozen=True)
class ProcessRow:
    """One row of process tags as the driver gave it; a hole in `seq` is a row that was lost."""

    tags: Row
    captured_at_ns: int
    mono_ns: int
    seq: int
    source: str = ""
    part_id: str = ""


@dataclass(frozen=True)
class Unreadable:
    """An item the driver saw but could not read: its part gets NO-VERDICT with `reason`."""

    reason: str
    captured_at_ns: int
    mono_ns: int
    seq: int
    source: str = ""
    part_id: str = ""


Item: TypeAlias = Frame | Reading | ProcessRow | Unreadable
"""What a source gives; `seq` counts from 0 without a gap, whatever became of the item."""


@dataclass(frozen=True)
class Recording:
    """A vibration recording read from a file; `rpm` is the shaft's speed where it is known.

    clock: the column of times that says the rate where seconds are taken though it names no unit.
    """

    signal: Signal
    rate_hz: float
    axes: tuple[str, ...]
    unit: str = "g"
    source: str = ""
    rpm: float | None = None
    clock: str = ""


@dataclass(frozen=True)
class Judgement:
    """What one bundle says of one input.

    score: higher is worse; label: the likeliest class, or "anomaly"/"normal" for a detector;
    verdict: score held against threshold; reason: empty unless the verdict needs a word.
    heat: float32 (h, w), the detector's map, or None. A regression's score is the value itself
    and interval its low and high estimate, in the value's unit.
    """

    verdict: Verdict
    label: str
    score: float
    threshold: float
    reason: str = ""
    probabilities: tuple[float, ...] = ()
    interval: tuple[float, float] | None = None
    heat: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
