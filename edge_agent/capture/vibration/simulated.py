"""The simulated motor as a vibration sensor; part ids lead back to the truth."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.capture.simulated_line import SimulatedLineTable, SimulatedSource
from edge_agent.capture.source import SourceDriver, VibrationSourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Reading
from edge_agent.simulator import motor, parts


class SimulatedSensorTable(SimulatedLineTable, VibrationSourceTable):
    """The simulated motor: an accelerometer on a bearing, with known truth."""

    driver: Literal["simulated"]
    sample_rate_hz: float = Field(
        default=12000, ge=2000, le=200_000, description="samples a second of the accelerometer"
    )
    duration_s: float = Field(default=1.0, ge=0.05, le=60, description="length of a reading")


class SimulatedSensor(SimulatedSource):
    """A reading of each motor on the bench."""

    def __init__(self, config: SimulatedSensorTable, *, name: str, clock: Clock) -> None:
        super().__init__(config, name=name, clock=clock)
        self._config = config

    def next(self, timeout_s: float) -> Reading | None:
        """The next reading; EndOfSource after `parts` of them."""
        k, config = self.line.due_part(timeout_s), self._config
        if k is None:
            return None
        rate_hz = config.sample_rate_hz
        signal = motor.vibration(config.seed, k, config.duration_s, rate_hz, config.defect_rate)
        rpm = 60 * motor.trial(config.seed, k, config.defect_rate).shaft_hz
        part_id = parts.part_id(config.seed, k)
        return Reading(signal, rate_hz, *self.line.counter.stamp(), part_id, rpm)


DRIVER = SourceDriver(SimulatedSensorTable, SimulatedSensor)
