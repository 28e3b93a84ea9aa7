"""Whether a frame is fit to be judged: lens, lamp and camera."""

from __future__ import annotations

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


class FrameHealth:
    """Looks at the frames of one camera in their order."""

    def __init__(self, limits: FrameHealthTable) -> None:
        self._limits = limits
        self._last: NDArray[np.uint8] | None = None
        self._equal = 1

    def fault(self, image: Image) -> str:
        """Why the frame is not fit to be judged, or nothing."""
        sample = np.ascontiguousarray(image[::STEP, ::STEP])
        frozen = self._count_equal(sample) >= self._limits.frozen_frames > 0
        mean = float(sample.mean())
        if mean < self._limits.dark_mean:
            return f"dark frame: mean brightness {mean:.1f} of 255; look at lamp and lens cap"
        share = float((sample >= SATURATED).mean())
        if share > self._limits.saturated_share:
            return f"saturated frame: {share:.0%} of it white; look at exposure and lamp"
        if frozen:
            return f"frozen camera: {self._equal} equal frames in a row"
        return ""

    def _count_equal(self, sample: NDArray[np.uint8]) -> int:
        same = self._last is not None and np.array_equal(sample, self._last)
        self._equal = self._equal + 1 if same else 1
        self._last = sample
        return self._equal
