"""A machine without a model: sines of known velocity against the limits of ISO 20816-3."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Reading, Recording, Verdict
from edge_agent.contracts.model.alarm_rule import AlarmRuleSpec
from edge_agent.decide.alarm_history import AlarmRule
from edge_agent.decide.physics import PhysicsInspector
from edge_agent.decide.severity import LIMITS_MM_S, MachineGroup
from edge_agent.health.reading_history import ReadingHistory as History

RATE_HZ = 8000
GROUP: MachineGroup = "group2-rigid"  # limits 1.4, 2.8, 4.5 mm/s


def sine(rms_mm_s: float, hz: float = 100.0) -> Recording:
    """Acceleration in g of a sine of that velocity: a = v * 2 pi f."""
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    peak = rms_mm_s * np.sqrt(2) / 1000 * 2 * np.pi * hz / 9.80665
    signal = (peak * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)[:, None]
    return Recording(signal, RATE_HZ, (), "g", "pump")


def inspector(alarm_zone: Literal["C", "D"] = "D") -> PhysicsInspector:
    alarm = AlarmRule(AlarmRuleSpec(k=1, n=1))
    return PhysicsInspector(GROUP, alarm=alarm, alarm_zone=alarm_zone)


@pytest.mark.parametrize(
    ("rms_mm_s", "verdict", "zone"),
    [(1.0, Verdict.PASS, "zone A"), (3.5, Verdict.PASS, "zone C"), (5.0, Verdict.FAIL, "zone D")],
)
def test_a_sine_lands_in_its_zone(rms_mm_s: float, verdict: Verdict, zone: str) -> None:
    judged = inspector().inspect_recording(sine(rms_mm_s))
    assert judged.score == pytest.approx(rms_mm_s, rel=0.02)
    assert judged.threshold == LIMITS_MM_S[GROUP][2]
    assert (judged.verdict, judged.label) == (verdict, zone)


def test_an_alarm_from_zone_c_has_the_lower_limit() -> None:
    judged = inspector(alarm_zone="C").inspect_recording(sine(3.5))
    assert (judged.verdict, judged.threshold) == (Verdict.FAIL, 2.8)
    assert judged.reason


def test_a_unit_without_velocity_is_refused_with_the_cure() -> None:
    recording = Recording(sine(3.0).signal, RATE_HZ, (), "V", "pump")
    with pytest.raises(InputError, match="measure acceleration in g or m/s2"):
        inspector().inspect_recording(recording)


def test_a_reading_that_came_before_is_refused_and_a_new_one_is_judged_again() -> None:
    sensor = PhysicsInspector(GROUP, alarm=AlarmRule(AlarmRuleSpec(k=1, n=1)), history=History())
    one, other = (Reading(sine(v).signal, RATE_HZ, 0, 0, 0, "pump") for v in (1.0, 1.1))
    assert sensor.inspect(one).verdict == Verdict.PASS
    with pytest.raises(InputError, match="frozen sensor"):
        sensor.inspect(one)
    assert sensor.inspect(other).verdict == Verdict.PASS


def test_a_still_sensor_is_told_as_such_each_time() -> None:
    sensor = PhysicsInspector(GROUP, alarm=AlarmRule(AlarmRuleSpec(k=1, n=1)), history=History())
    still = Reading(np.zeros((2 * RATE_HZ, 1), np.float32), RATE_HZ, 0, 0, 0, "pump")
    for _ in range(2):
        with pytest.raises(InputError, match="one value all the time"):
            sensor.inspect(still)


def test_a_dead_sensor_is_no_quiet_machine() -> None:
    still = Recording(np.zeros((2 * RATE_HZ, 1), np.float32), RATE_HZ, (), "g", "pump")
    with pytest.raises(InputError):
        inspector().inspect_recording(still)
