"""The simulated line as a camera; part ids lead back to the truth."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.capture.simulated_line import SimulatedLine
from edge_agent.capture.source import RateHz, SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Frame
from edge_agent.simulator import parts, scene


class SimulatedCameraTable(SourceTable):
    """The simulated line: deterministic parts on a belt, with known truth."""

    driver: Literal["simulated"]
    seed: int = Field(default=1, ge=0, description="part k of a seed is always the same")
    start: int = Field(default=0, ge=0, description="number of the first part")
    parts: int = Field(default=0, ge=0, description="parts to give; 0: without end")
    rate_hz: RateHz = Field(default=0, description="parts a second; 0: as fast as the line takes")
    width_px: int = Field(default=640, ge=32, le=4096, description="width of a frame")
    height_px: int = Field(default=480, ge=32, le=4096, description="height of a frame")
    defect_rate: float = Field(default=0.25, ge=0, le=1, description="share of bad parts")


class SimulatedCamera:
    """A frame of each part."""

    def __init__(self, config: SimulatedCameraTable, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._line = SimulatedLine(
            config.start, config.parts, config.rate_hz, name=name, clock=clock
        )

    def open(self) -> None:
        """Nothing to open; a line that was closed goes on where it stopped."""

    def close(self) -> None:
        """Nothing is held."""

    def next(self, timeout_s: float) -> Frame | None:
        """The next part's frame; EndOfSource after `parts` of them."""
        k, config = self._line.due_part(timeout_s), self._config
        if k is None:
            return None
        image = scene.render(config.seed, k, config.width_px, config.height_px, config.defect_rate)
        return Frame(image, *self._line.counter.stamp(), parts.part_id(config.seed, k))


DRIVER = SourceDriver(SimulatedCameraTable, SimulatedCamera)
