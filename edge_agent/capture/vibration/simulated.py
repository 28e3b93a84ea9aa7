"""The simulated motor as a vibration sensor; part ids lead back to the truth."""

from __future__ import annotations

from math import ceil
from typing import Literal

from pydantic import Field

from edge_agent.capture.simulated_line import SimulatedLineTable, SimulatedSource
from edge_agent.capture.source import SourceDriver, VibrationSourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Reading
from edge_agent.simulator import motor, parts
from edge_agent.simulator.disturbance import (
    WRONG_RATE,
    SensorFault,
    Strength,
    disturbed_signal,
    shown_part,
)


class SimulatedSensorTable(SimulatedLineTable, VibrationSourceTable):
    """The simulated motor: an accelerometer on a bearing, with known truth."""

    driver: Literal["simulated"]
    sample_rate_hz: float = Field(
        default=12000, ge=2000, le=200_000, description="samples a second of the accelerometer"
    )
    duration_s: float = Field(default=1.0, ge=0.05, le=60, description="length of a reading")
    faults: list[Literal["ball", "inner", "outer", "unbalance"]] = Field(
        default=["ball", "inner", "outer"], min_length=1, description="which faults bad motors have"
    )
    one_machine: bool = Field(
        default=False, description="every reading is of one motor, not of a bench of many"
    )
    fault: SensorFault = Field(default="none", description="what is wrong with the sensor")
    fault_strength: Strength = Field(default=2, description="of the fault: 1 slight, 3 strong")
    fault_from: int = Field(default=0, ge=0, description="number of the first faulty reading")


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
        rate_hz, fault = config.sample_rate_hz, config.fault
        if k < config.fault_from:
            fault = "none"
        shown = shown_part(k, config.fault_from, fault, config.fault_strength)
        run = motor.trial(config.seed, shown, config.defect_rate, config.faults)
        if config.one_machine:
            run = motor.on_machine(run, 0)
        samples = round(config.duration_s * rate_hz)
        longer = 1 + (WRONG_RATE[config.fault_strength] if fault == "rate" else 0)
        signal = motor.record(run, ceil(samples * longer), rate_hz)
        signal = disturbed_signal(signal, fault, config.fault_strength, shown)[:samples]
        part_id = parts.part_id(config.seed, k)
        return Reading(signal, rate_hz, *self.line.counter.stamp(), part_id, 60 * run.shaft_hz)


DRIVER = SourceDriver(SimulatedSensorTable, SimulatedSensor)
