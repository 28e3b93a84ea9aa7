"""A machine judged without a model: RMS velocity against the zones of ISO 20816-3."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Image, Judgement, Recording, Verdict
from edge_agent.contracts.model.alarm_rule import Persistence
from edge_agent.decide.alarm_rule import Persisting
from edge_agent.decide.bearings import Bearing
from edge_agent.decide.severity import LIMITS_MM_S, MachineGroup, measure, zone_of
from edge_agent.decide.vibration import refuse_still, why

TITLE = "ISO 20816-3"
"""What stands in the place of a bundle's name in every verdict."""


class PhysicsInspector:
    """Judges the recordings of one machine in their order; one thread at a time may use it.

    The score is the highest RMS velocity of the axes in mm/s, the threshold the limit of
    `alarm_zone` for the machine's group.
    """

    def __init__(
        self,
        group: MachineGroup,
        *,
        alarm_zone: Literal["C", "D"] = "D",
        bearing: Bearing | None = None,
        persistence: Persistence | None = None,
    ) -> None:
        self._group: MachineGroup = group
        self._bearing = bearing
        self._threshold = LIMITS_MM_S[group][{"C": 1, "D": 2}[alarm_zone]]
        self._persisting = Persisting(persistence or Persistence())

    def inspect_image(self, image: Image) -> Judgement:
        """Raises InputError: there is nothing to judge an image by."""
        raise InputError("a channel without a bundle judges vibration alone")

    def inspect_recording(self, recording: Recording) -> Judgement:
        """FAIL from the alarm zone upwards, with what physics says; raises InputError where there
        is no velocity, or a sensor that says nothing.
        """
        heard = _named(recording)
        refuse_still(heard)
        found = [one.rms_mm_s for one in measure(heard, self._group)]
        velocities = [velocity for velocity in found if velocity is not None]
        if not velocities or len(velocities) < len(found):
            raise InputError(
                f"no velocity from {len(heard.signal)} samples at {heard.rate_hz:g} Hz in "
                f"{heard.unit}",
                where=recording.source or "recording",
                cure="measure acceleration in g or m/s2, faster than 2.2 kHz, for half a second",
            )
        worst = max(velocities)
        verdict = Verdict.FAIL if worst >= self._threshold else Verdict.PASS
        label = f"zone {zone_of(worst, self._group)}"
        held = self._persisting.hold(Judgement(verdict, label, worst, self._threshold))
        if held.verdict == Verdict.PASS:
            return held
        return replace(held, reason=why(heard, self._group, self._bearing))


def _named(recording: Recording) -> Recording:
    """Axes by their number where the source does not name them."""
    width = recording.signal.shape[1]
    if len(recording.axes) == width:
        return recording
    return replace(recording, axes=tuple(str(axis) for axis in range(width)))
