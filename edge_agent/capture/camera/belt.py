"""The camera over the simulated belt (`lineside-agent belt`)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from edge_agent.capture.source import SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Frame
from edge_agent.simulator.belt_link import BeltAddress, BeltLink


class BeltCameraTable(SourceTable, BeltAddress):
    """A frame of each part of the simulated belt, stamped with the moment of its exposure."""

    driver: Literal["belt"]

    @property
    def names_parts(self) -> bool:
        """A camera only counts its frames."""
        return False


class BeltCamera:
    """Frames as the belt sends them; `device_ns` is of the station's monotonic clock."""

    live = True

    def __init__(self, config: BeltCameraTable, *, name: str, clock: Clock) -> None:
        self._link = BeltLink(config, "camera")
        self._name = name
        self._clock = clock

    def open(self) -> None:
        """Connect; raises DeviceError."""
        self._link.open()

    def next(self, timeout_s: float) -> Frame | None:
        """The next frame, or None; raises DeviceError when the belt is lost."""
        event = self._link.event(timeout_s)
        if event is None:
            return None
        height, width = event["height"], event["width"]
        pixels = np.frombuffer(self._link.payload(height * width * 3), np.uint8)
        stamp = (self._clock.utc_ns(), self._clock.mono_ns(), event["seq"], self._name)
        image = pixels.reshape(height, width, 3).copy()
        return Frame(image, *stamp, str(event["seq"]), event["mono_ns"])

    def close(self) -> None:
        """Leave the belt."""
        self._link.close()


DRIVER = SourceDriver(BeltCameraTable, BeltCamera)
