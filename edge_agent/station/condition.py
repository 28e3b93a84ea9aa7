"""What one vibration reading says of its machine, and where that is going."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Reading, Recording
from edge_agent.contracts.wire.kinds.condition import AxisCondition, BearingLine, ConditionMessage
from edge_agent.decide.bearings import BEARINGS, fault_lines
from edge_agent.decide.severity import AxisNumbers, measure
from edge_agent.station.config import VibrationChannel

POINT_S = 60.0
TREND_S = 3600.0
TREND_POINTS = 10
"""Fewer points, or ten minutes, are no trend."""


class Trend:
    """The median of all slopes between two points (Theil 1950, Sen 1968): no outlier turns it."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque()

    def add(self, at_s: float, value: float) -> float | None:
        """Take a value; returns the slope per hour, None while there are too few points.

        at_s: any clock that does not jump. One point a minute is kept, for an hour.
        """
        if not self._points or at_s - self._points[-1][0] >= POINT_S:
            self._points.append((at_s, value))
        while at_s - self._points[0][0] > TREND_S:
            self._points.popleft()
        if len(self._points) < TREND_POINTS:
            return None
        times, values = np.array(self._points, np.float64).T
        first, second = np.triu_indices(len(times), 1)
        slopes = (values[second] - values[first]) / (times[second] - times[first])
        return float(np.median(slopes)) * 3600.0


class MachineCondition:
    """The condition of one vibration channel, reading by reading."""

    def __init__(self, station: str, channel: VibrationChannel) -> None:
        self._station = station
        self._channel = channel
        self._trend = Trend()

    def look(self, reading: Reading, at_ns: int) -> ConditionMessage | None:
        """The message of a reading; None for one that cannot be measured. at_ns: UTC now."""
        recording = self._recording(reading)
        try:
            numbers = measure(recording, self._channel.machine_group)
        except InputError:
            return None  # the channel's own verdict names it
        velocities = [axis.rms_mm_s for axis in numbers if axis.rms_mm_s is not None]
        trend = self._trend.add(reading.mono_ns / 1e9, max(velocities)) if velocities else None
        return ConditionMessage(
            station=self._station,
            at_ns=at_ns,
            channel=self._channel.name,
            captured_at_ns=reading.captured_at_ns,
            unit=recording.unit[:16],
            axes=[_axis(axis) for axis in numbers[:6]],
            zone=max((axis.zone.value for axis in numbers if axis.zone is not None), default=None),
            rpm=reading.rpm if reading.rpm and reading.rpm > 0 else None,
            lines=self._lines(recording),
            trend_mm_s_per_h=None if trend is None else round(trend, 4),
        )

    def _recording(self, reading: Reading) -> Recording:
        source = self._channel.source
        axes = source.axis_names or tuple(str(k) for k in range(reading.signal.shape[1]))
        unit = source.signal_unit
        return Recording(reading.signal, reading.rate_hz, axes, unit, rpm=reading.rpm)

    def _lines(self, recording: Recording) -> list[BearingLine]:
        bearing = BEARINGS.get(self._channel.bearing)
        if bearing is None:
            return []
        try:
            found = fault_lines(recording, bearing)
        except InputError:
            return []  # no speed, or too few turns
        return [
            BearingLine.model_validate(
                {
                    "fault": line.kind,
                    "order": round(line.order, 3),
                    "over_floor": round(math.exp(line.prominence), 2),
                    "axis": line.axis[:16],
                }
            )
            for line in found[:4]
        ]


def _axis(numbers: AxisNumbers) -> AxisCondition:
    velocity = numbers.rms_mm_s
    return AxisCondition.model_validate(
        {
            "axis": numbers.axis[:16],
            "rms": round(numbers.rms, 6),
            "peak": round(numbers.peak, 6),
            "crest": round(numbers.crest, 3),
            "kurtosis": round(numbers.kurtosis, 3),
            "rms_mm_s": None if velocity is None else round(velocity, 4),
            "zone": None if numbers.zone is None else numbers.zone.value,
        }
    )
