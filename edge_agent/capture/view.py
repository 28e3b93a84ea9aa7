"""The station's view: which part of a camera's picture stands for the picture of the workshop.

A camera at the line hangs higher, lower or turned. The view is cut out and turned straight before
anybody sees the frame: the bundle, the health of frames, evidence and golden parts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import cv2
import numpy as np
from pydantic import Field, model_validator

from edge_agent.capture.source import Announcing, Running, Source
from edge_agent.contracts.core.types import Frame, Image, Item
from edge_agent.settings.toml import Table


class ViewTable(Table):
    """A rectangle of the camera's picture, turned about its own middle."""

    left: float = Field(default=0.0, ge=0, lt=1, description="share of the picture's width")
    top: float = Field(default=0.0, ge=0, lt=1, description="share of the picture's height")
    width: float = Field(default=1.0, gt=0.02, le=1, description="share of the picture's width")
    height: float = Field(default=1.0, gt=0.02, le=1, description="share of the picture's height")
    turn_deg: float = Field(
        default=0.0, ge=-180, le=180, description="turn of the rectangle, clockwise on the screen"
    )

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole picture as it is."""
        return (self.left, self.top, self.width, self.height, self.turn_deg) == (0, 0, 1, 1, 0)

    @model_validator(mode="after")
    def _lies_in_the_picture(self) -> Self:
        if max(self.left + self.width, self.top + self.height) > 1 + 1e-9:
            raise ValueError("the view must lie in the picture: left + width and top + height <= 1")
        return self


def seen_by(image: Image, view: ViewTable) -> Image:
    """The view of a picture: uint8 (H, W, 3) -> uint8 (h, w, 3), at least one pixel a side.

    Corners that turn out of the picture show its edge. Pixels of a turned view are interpolated.
    """
    height, width = image.shape[:2]
    left, top = min(round(view.left * width), width - 1), min(round(view.top * height), height - 1)
    wide = max(1, min(round(view.width * width), width - left))
    tall = max(1, min(round(view.height * height), height - top))
    if view.turn_deg == 0:
        return np.ascontiguousarray(image[top : top + tall, left : left + wide])
    middle = (left + (wide - 1) / 2, top + (tall - 1) / 2)
    move = cv2.getRotationMatrix2D(middle, view.turn_deg, 1.0)
    move[:, 2] -= left, top
    how = cv2.INTER_LINEAR
    turned = cv2.warpAffine(image, move, (wide, tall), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


class ViewedSource:
    """A camera of which only the view is seen."""

    def __init__(self, source: Source, view: ViewTable) -> None:
        self.live = source.live
        self._source = source
        self._view = view

    def open(self) -> None:
        """Open the camera; raises DeviceError."""
        self._source.open()

    def begin(self) -> None:
        """Forget what the camera gave since open(); raises DeviceError."""
        if isinstance(self._source, Running):
            self._source.begin()

    def next(self, timeout_s: float) -> Item | None:
        """The view of the next frame; raises as the camera does."""
        return self._seen(self._source.next(timeout_s))

    def unfinished(self) -> list[Item]:
        """Parts that the camera announced and did not give."""
        return self._source.unfinished() if isinstance(self._source, Announcing) else []

    def close(self) -> None:
        """Release the camera."""
        self._source.close()

    def _seen(self, item: Item | None) -> Item | None:
        if not isinstance(item, Frame):
            return item
        return replace(item, image=seen_by(item.image, self._view))


def viewed(source: Source, view: ViewTable | None) -> Source:
    """The source, seen through the view where there is one."""
    return source if view is None or view.is_whole else ViewedSource(source, view)
