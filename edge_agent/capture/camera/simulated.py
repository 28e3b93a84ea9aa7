"""The simulated line as a camera; part ids lead back to the truth."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.capture.simulated_line import SimulatedLineTable, SimulatedSource
from edge_agent.capture.source import SourceDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Frame, Image
from edge_agent.simulator import parts, scene
from edge_agent.simulator.disturbance import (
    CameraFault,
    Strength,
    disturbed_image,
    draw_marks,
    shown_part,
)


class SimulatedCameraTable(SimulatedLineTable):
    """The simulated line: deterministic parts on a belt, with known truth."""

    driver: Literal["simulated"]
    width_px: int = Field(default=640, ge=32, le=4096, description="width of a frame")
    height_px: int = Field(default=480, ge=32, le=4096, description="height of a frame")
    marks: bool = Field(default=False, description="whether the machine frame carries two marks")
    fault: CameraFault = Field(default="none", description="what is wrong with the camera")
    fault_strength: Strength = Field(default=2, description="of the fault: 1 slight, 3 strong")
    fault_from: int = Field(default=0, ge=0, description="number of the first part with the fault")

    @property
    def besides_the_look(self) -> frozenset[str]:
        """The parts on the belt, and what goes wrong with the camera later."""
        line = frozenset(SimulatedLineTable.model_fields) - {"driver"}
        return line | {"fault", "fault_strength", "fault_from"}


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
        shown = shown_part(k, config.fault_from, config.fault, config.fault_strength)
        image = self._seen(shown)
        if config.fault != "none" and k >= config.fault_from:
            earlier = self._seen(max(shown - 1, 0)) if config.fault == "torn" else image
            image = disturbed_image(image, earlier, config.fault, config.fault_strength)
        return Frame(image, *self.line.counter.stamp(), parts.part_id(config.seed, k))

    def _seen(self, k: int) -> Image:
        config = self._config
        image = scene.render(config.seed, k, config.width_px, config.height_px, config.defect_rate)
        return draw_marks(image) if config.marks else image


DRIVER = SourceDriver(SimulatedCameraTable, SimulatedCamera)
