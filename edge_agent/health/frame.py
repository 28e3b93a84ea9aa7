"""Whether a frame is fit to be judged: lens, lamp and camera."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from edge_agent.contracts.core.types import Image
from edge_agent.settings.toml import Table

STEP = 16
"""Every 16th pixel of every 16th row is looked at: 4,800 of a 1280x960 frame, in 0.1 ms."""
SATURATED = 254


class FrameHealthTable(Table):
    """When a frame is not fit to be judged."""

    dark_mean: float = Field(
        default=4, ge=0, le=255, description="mean brightness below this is a dark frame; 0: off"
    )
    saturated_share: float = Field(
        default=0.9, gt=0, le=1, description="share of saturated pixels above this; 1: off"
    )
    frozen_frames: int = Field(
        default=2, ge=0, le=1000, description="so many equal frames are a frozen camera; 0: off"
    )

    @field_validator("frozen_frames")
    @classmethod
    def _one_frame_is_no_row(cls, count: int) -> int:
        if count == 1:
            raise ValueError("one frame always equals itself: 2 is the strictest, 0 is off")
        return count


class FrameHistory:
    """The last frame of a camera and how often it has come in a row.

    It belongs to the channel: a camera that froze before a new bundle or a restart is still frozen
    after it.
    """

    def __init__(self) -> None:
        self.equal = 0
        self.digest = ""

    def add(self, sample: NDArray[np.uint8]) -> int:
        """Count a frame; gives the number of equal ones in a row, 1 for a new one."""
        digest = blake2b(sample.tobytes(), digest_size=16).hexdigest()
        self.equal = self.equal + 1 if digest == self.digest else 1
        self.digest = digest
        return self.equal


class FrameHealth:
    """Looks at the frames of one camera in their order. history: the channel's own."""

    def __init__(self, limits: FrameHealthTable, history: FrameHistory | None = None) -> None:
        self._limits = limits
        self._history = FrameHistory() if history is None else history

    def fault(self, image: Image) -> str:
        """Why the frame is not fit to be judged, or nothing."""
        sample = np.ascontiguousarray(image[::STEP, ::STEP])
        equal = self._history.add(sample)
        mean = float(sample.mean())
        if mean < self._limits.dark_mean:
            return f"dark frame: mean brightness {mean:.1f} of 255; look at lamp and lens cap"
        share = float((sample >= SATURATED).mean())
        if share > self._limits.saturated_share:
            return f"saturated frame: {share:.0%} of it white; look at exposure and lamp"
        if equal >= self._limits.frozen_frames > 0:
            return f"frozen camera: {equal} equal frames in a row"
        return ""
