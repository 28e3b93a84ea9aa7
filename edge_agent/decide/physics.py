"""A machine judged without a model: RMS velocity against the zones of ISO 20816-3."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Item, Judgement, Recording, Verdict
from edge_agent.decide.alarm_history import AlarmRule
from edge_agent.decide.bearings import Bearing
from edge_agent.decide.severity import LIMITS_MM_S, MachineGroup, measure, zone_of
from edge_agent.decide.vibration import recording_of, refuse_old, refuse_still, why
from edge_agent.health.reading_history import ReadingHistory

TITLE = "ISO 20816-3"
"""What stands in the place of a bundle's name in every verdict."""


class PhysicsInspector:
    """Judges the readings of one machine in their order; one thread at a time may use it.

    The score is the highest RMS velocity of the axes in mm/s, the threshold the limit of
    `alarm_zone` for the machine's group. signal: axes and unit of the channel's readings; history:
    its last readings, None where readings repeat by intent.
    """

    needs_every_item = False

    def __init__(
        self,
        group: MachineGroup,
        *,
        alarm: AlarmRule,
        alarm_zone: Literal["C", "D"] = "D",
        bearing: Bearing | None = None,
        signal: tuple[tuple[str, ...], str] = ((), "g"),
        history: ReadingHistory | None = None,
    ) -> None:
        self._history = history
        self._group: MachineGroup = group
        self._alarm = alarm
        self._bearing = bearing
        self._axes, self._unit = signal
        self._threshold = LIMITS_MM_S[group][{"C": 1, "D": 2}[alarm_zone]]

    def inspect(self, item: Item) -> Judgement:
        """Judge a reading; raises as inspect_recording does."""
        refuse_old(item, self._history)
        return self.inspect_recording(recording_of(item, self._axes, self._unit))

    def inspect_recording(self, recording: Recording) -> Judgement:
        """FAIL from the alarm zone upwards, with the physical reason.

        Raises InputError where no velocity can be computed, and for a dead sensor.
        """
        named = _named(recording)
        refuse_still(named)
        worst = self._worst_velocity(named)
        verdict = Verdict.FAIL if worst >= self._threshold else Verdict.PASS
        label = f"zone {zone_of(worst, self._group)}"
        judged = self._alarm.apply(Judgement(verdict, label, worst, self._threshold))
        if judged.verdict == Verdict.PASS:
            return judged
        return replace(judged, reason=why(named, self._group, self._bearing))

    def _worst_velocity(self, recording: Recording) -> float:
        """The highest RMS velocity of the axes, mm/s; raises InputError where one has none."""
        measured = [axis.rms_mm_s for axis in measure(recording, self._group)]
        velocities = [velocity for velocity in measured if velocity is not None]
        if not velocities or len(velocities) < len(measured):
            raise InputError(
                f"no velocity from {len(recording.signal)} samples at {recording.rate_hz:g} Hz in "
                f"{recording.unit}",
                where=recording.source or "recording",
                cure="measure acceleration in g or m/s2, faster than 2.2 kHz, for half a second",
            )
        return max(velocities)


def _named(recording: Recording) -> Recording:
    """Axes by their number where the source does not name them."""
    width = recording.signal.shape[1]
    if len(recording.axes) == width:
        return recording
    return replace(recording, axes=tuple(str(axis) for axis in range(width)))
