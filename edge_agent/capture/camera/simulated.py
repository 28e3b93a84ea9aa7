"""The simulated line as a camera and as a vibration sensor; part ids tell the truth's number."""

from __future__ import annotations

from typing import Generic, TypeVar

from edge_agent.capture.counter import Stamps
from edge_agent.capture.rate_limiter import Pace
from edge_agent.capture.source import EndOfSource
from edge_agent.capture.tables import TwinCameraSource, TwinSensorSource
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Frame, Reading
from edge_agent.simulator import motor, parts, scene

Config = TypeVar("Config", TwinCameraSource, TwinSensorSource)


class TwinSource(Generic[Config]):
    """Parts `start`, `start` + 1, ... of a line; the part id is `twin-<seed>-<k>`."""

    def __init__(self, config: Config, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config: Config = config
        self._stamps = Stamps(name, clock)
        self._pace = Pace(config.rate_hz, clock)

    def open(self) -> None:
        """Nothing to open; a line that was closed goes on where it stopped."""

    def close(self) -> None:
        """Nothing is held."""

    def _due(self, timeout_s: float) -> int | None:
        """The number of the part that is due; EndOfSource after `parts` of them."""
        if self._config.parts and self._stamps.seq >= self._config.parts:
            raise EndOfSource
        return self._config.start + self._stamps.seq if self._pace.wait(timeout_s) else None


class TwinCamera(TwinSource[TwinCameraSource]):
    """A frame of each part."""

    def next(self, timeout_s: float) -> Frame | None:
        """The next part's frame; EndOfSource after `parts` of them."""
        k, config = self._due(timeout_s), self._config
        if k is None:
            return None
        image = scene.render(config.seed, k, config.width_px, config.height_px, config.defect_rate)
        return Frame(image, *self._stamps.stamp(), parts.part_id(config.seed, k))


class TwinSensor(TwinSource[TwinSensorSource]):
    """A reading of each motor on the bench."""

    def next(self, timeout_s: float) -> Reading | None:
        """The next reading; EndOfSource after `parts` of them."""
        k, config = self._due(timeout_s), self._config
        if k is None:
            return None
        rate_hz = config.sample_rate_hz
        signal = motor.vibration(config.seed, k, config.duration_s, rate_hz, config.defect_rate)
        rpm = 60 * motor.trial(config.seed, k, config.defect_rate).shaft_hz
        part_id = parts.part_id(config.seed, k)
        return Reading(signal, rate_hz, *self._stamps.stamp(), part_id, rpm)
