"""The simulated line as a camera; part ids lead back to the truth."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.capture.simulated_line import SimulatedLineTable, SimulatedSource
from edge_agent.capture.source import SourceDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Frame
from edge_agent.simulator import parts, scene


class SimulatedCameraTable(SimulatedLineTable):
    """The simulated line: deterministic parts on a belt, with known truth."""

    driver: Literal["simulated"]
    width_px: int = Field(default=640, ge=32, le=4096, description="width of a frame")
    height_px: int = Field(default=480, ge=32, le=4096, description="height of a frame")


class SimulatedCamera(SimulatedSource):
    """A frame of each part."""

    def __init__(self, config: SimulatedCameraTable, *, name: str, clock: Clock) -> None:
        super().__init__(config, name=name, clock=clock)
        self._config = config

    def next(self, timeout_s: float) -> Frame | None:
        """The next part's frame; EndOfSource after `parts` of them."""
        k, config = self.line.due_part(timeout_s), self._config
        if k is None:
            return None
        image = scene.render(config.seed, k, config.width_px, config.height_px, config.defect_rate)
        return Frame(image, *self.line.counter.stamp(), parts.part_id(config.seed, k))


DRIVER = SourceDriver(SimulatedCameraTable, SimulatedCamera)
