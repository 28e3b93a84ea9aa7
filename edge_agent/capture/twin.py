"""The simulated line as a camera and as a vibration sensor; part ids tell the truth's number."""

from __future__ import annotations

from edge_agent.capture.pace import Pace
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.clock import Clock
from edge_agent.contracts.types import Frame, Reading
from edge_agent.sources import TwinCameraSource, TwinSensorSource
from edge_agent.twin import motor, parts, scene


class TwinCamera:
    """Gives parts `start`, `start` + 1, ... of a line; the part id is `twin-<seed>-<k>`."""

    def __init__(self, config: TwinCameraSource, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._name = name
        self._clock = clock
        self._pace = Pace(config.rate_hz, clock)
        self._seq = 0

    def open(self) -> None:
        """Nothing to open; a line that was closed goes on where it stopped."""

    def next(self, timeout_s: float) -> Frame | None:
        """The next part's frame; EndOfSource after `parts` of them."""
        config = self._config
        if config.parts and self._seq >= config.parts:
            raise EndOfSource
        if not self._pace.wait(timeout_s):
            return None
        seq, self._seq = self._seq, self._seq + 1
        k = config.start + seq
        image = scene.render(config.seed, k, config.width_px, config.height_px, config.defect_rate)
        part_id = parts.part_id(config.seed, k)
        at_ns, mono_ns = self._clock.utc_ns(), self._clock.mono_ns()
        return Frame(image, at_ns, mono_ns, seq, self._name, part_id)

    def close(self) -> None:
        """Nothing is held."""


class TwinSensor:
    """Gives readings `start`, `start` + 1, ... of a bench; the part id is `twin-<seed>-<k>`."""

    def __init__(self, config: TwinSensorSource, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._name = name
        self._clock = clock
        self._pace = Pace(config.rate_hz, clock)
        self._seq = 0

    def open(self) -> None:
        """Nothing to open; a bench that was closed goes on where it stopped."""

    def next(self, timeout_s: float) -> Reading | None:
        """The next reading; EndOfSource after `parts` of them."""
        config = self._config
        if config.parts and self._seq >= config.parts:
            raise EndOfSource
        if not self._pace.wait(timeout_s):
            return None
        seq, self._seq = self._seq, self._seq + 1
        k = config.start + seq
        rate_hz = config.sample_rate_hz
        signal = motor.vibration(config.seed, k, config.duration_s, rate_hz, config.defect_rate)
        part_id = parts.part_id(config.seed, k)
        at_ns, mono_ns = self._clock.utc_ns(), self._clock.mono_ns()
        rpm = 60 * motor.trial(config.seed, k, config.defect_rate).shaft_hz
        return Reading(signal, rate_hz, at_ns, mono_ns, seq, self._name, part_id, rpm)

    def close(self) -> None:
        """Nothing is held."""
