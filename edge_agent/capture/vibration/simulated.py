"""The simulated motor as a vibration sensor; part ids lead back to the truth."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.capture.simulated_line import SimulatedLine
from edge_agent.capture.source import RateHz, SourceDriver, VibrationSourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Reading
from edge_agent.simulator import motor, parts


class SimulatedSensorTable(VibrationSourceTable):
    """The simulated motor: an accelerometer on a bearing, with known truth."""

    driver: Literal["simulated"]
    seed: int = Field(default=1, ge=0, description="part k of a seed is always the same")
    start: int = Field(default=0, ge=0, description="number of the first reading")
    parts: int = Field(default=0, ge=0, description="readings to give; 0: without end")
    rate_hz: RateHz = Field(
        default=0, description="readings a second; 0: as fast as the line takes"
    )
    sample_rate_hz: float = Field(
        default=12000, ge=2000, le=200_000, description="samples a second of the accelerometer"
    )
    duration_s: float = Field(default=1.0, ge=0.05, le=60, description="length of a reading")
    defect_rate: float = Field(default=0.25, ge=0, le=1, description="share of bad motors")


class SimulatedSensor:
    """A reading of each motor on the bench."""

    def __init__(self, config: SimulatedSensorTable, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._line = SimulatedLine(
            config.start, config.parts, config.rate_hz, name=name, clock=clock
        )

    def open(self) -> None:
        """Nothing to open; a line that was closed goes on where it stopped."""

    def close(self) -> None:
        """Nothing is held."""

    def next(self, timeout_s: float) -> Reading | None:
        """The next reading; EndOfSource after `parts` of them."""
        k, config = self._line.due_part(timeout_s), self._config
        if k is None:
            return None
        rate_hz = config.sample_rate_hz
        signal = motor.vibration(config.seed, k, config.duration_s, rate_hz, config.defect_rate)
        rpm = 60 * motor.trial(config.seed, k, config.defect_rate).shaft_hz
        part_id = parts.part_id(config.seed, k)
        return Reading(signal, rate_hz, *self._line.counter.stamp(), part_id, rpm)


DRIVER = SourceDriver(SimulatedSensorTable, SimulatedSensor)
