"""A camera that runs free as trigger: a part that comes into a region of its picture."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame, Image, Item
from edge_agent.trigger.trigger import TriggerDriver, TriggerEvent, TriggerStatus, TriggerTable

Grey = NDArray[np.float32]
"""float32 (H, W), 0-255."""

LOOK_PX = 64
"""The region is looked at with its longer side of so many pixels: a part is no detail."""
WAITING = 4096


class PartInViewTable(TriggerTable):
    """An event for the first frame in which enough of the region is not the empty belt."""

    driver: Literal["part_in_view"]
    channel: str = Field(
        min_length=1, max_length=63, description="image channel whose frames are looked at"
    )
    region: tuple[float, float, float, float] = Field(
        default=(0.3, 0.0, 0.4, 1.0),
        description="left, top, width, height as shares of the picture: where a part is judged",
    )
    difference: float = Field(
        default=30, gt=0, le=255, description="grey levels by which a part differs from the belt"
    )
    enter_share: float = Field(
        default=0.3, gt=0, le=1, description="share of the region that a part covers"
    )
    leave_share: float = Field(
        default=0.1, gt=0, le=1, description="with less than this covered the part has gone"
    )
    learn_frames: int = Field(
        default=25,
        ge=3,
        le=1000,
        description="frames from which the empty belt is learnt; parts are seen after that",
    )

    @model_validator(mode="after")
    def _region_is_in_the_picture(self) -> Self:
        left, top, width, height = self.region
        if min(left, top) < 0 or min(width, height) <= 0 or max(left + width, top + height) > 1:
            raise ValueError("region needs left, top, width, height within the picture (0 to 1)")
        if self.leave_share >= self.enter_share:
            raise ValueError("leave_share must lie below enter_share")
        return self


class PartDetector:
    """Tells the frame with which a part has come. One thread at a time.

    The belt is the median of the first frames, so most of them must be empty; later it follows the
    light while no part is in the region.
    """

    def __init__(self, table: PartInViewTable) -> None:
        self._table = table
        self._first: list[Grey] = []
        self._belt: Grey | None = None
        self._inside = False

    def sees(self, image: Image) -> bool:
        """Whether a part has come with this frame. image: uint8 (H, W, 3) RGB."""
        view = _view(image, self._table.region)
        if self._belt is None or self._belt.shape != view.shape:
            self._learn(view)
            return False
        covered = float((np.abs(view - self._belt) > self._table.difference).mean())
        if covered < self._table.leave_share:
            self._inside = False
            self._belt += np.float32(0.05) * (view - self._belt)
        if self._inside or covered < self._table.enter_share:
            return False
        self._inside = True
        return True

    def _learn(self, view: Grey) -> None:
        if self._first and self._first[0].shape != view.shape:
            self._first.clear()
        self._first.append(view)
        if len(self._first) >= self._table.learn_frames:
            self._belt = np.median(np.stack(self._first), axis=0).astype(np.float32)
            self._first.clear()
            # A part that lies there now came before anybody could say so.
            self._inside = True


class PartInView:
    """Gives an event for each part that the channel's frames show; see() is told of each frame."""

    def __init__(self, config: PartInViewTable, *, name: str, clock: Clock) -> None:
        self.channel = config.channel
        self._config = config
        self._name = name
        del clock  # a part comes when its frame came
        self._detector = PartDetector(config)
        self._waiting: deque[TriggerEvent] = deque(maxlen=WAITING)
        self._change = Condition()
        self._open = False
        self._seq = 0

    def open(self) -> None:
        """Learn the belt anew."""
        with self._change:
            self._detector = PartDetector(self._config)
            self._waiting.clear()
            self._open = True

    def see(self, item: Item) -> None:
        """A frame was grabbed; the thread that grabs calls this."""
        if not isinstance(item, Frame) or not self._open or not self._detector.sees(item.image):
            return
        with self._change:
            event = TriggerEvent(item.mono_ns, self._seq)
            self._seq += 1
            self._waiting.append(event)
            self._change.notify_all()

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next part, or None when none came in time."""
        if not self._open:
            raise DeviceError("is not open", where=f"trigger {self._name}", cure="open it first")
        with self._change:
            self._change.wait_for(lambda: self._waiting, timeout_s)
            return self._waiting.popleft() if self._waiting else None

    def status(self) -> TriggerStatus:
        """Parts that were seen."""
        return TriggerStatus(self._seq)

    def close(self) -> None:
        """See no more."""
        self._open = False


def _view(image: Image, region: tuple[float, float, float, float]) -> Grey:
    """The region in grey, small."""
    height, width = image.shape[:2]
    left, top = round(region[0] * width), round(region[1] * height)
    right = max(left + 1, round((region[0] + region[2]) * width))
    bottom = max(top + 1, round((region[1] + region[3]) * height))
    part = cv2.cvtColor(np.ascontiguousarray(image[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    scale = min(1.0, LOOK_PX / max(part.shape))
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.float32)


DRIVER = TriggerDriver(PartInViewTable, PartInView)
