"""k of n: the station's rule and the workshop's are one, and the history outlives its bundle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.core.types import Judgement, Verdict
from edge_agent.contracts.model.alarm_rule import AlarmRuleSpec, alarms
from edge_agent.decide.alarm_history import MOST_SERIES, AlarmHistory, AlarmRule


def judged(score: float) -> Judgement:
    return Judgement(Verdict.FAIL if score >= 0.5 else Verdict.PASS, "x", score, 0.5)


@st.composite
def rules(draw: st.DrawFn) -> AlarmRuleSpec:
    n = draw(st.integers(1, 100))
    return AlarmRuleSpec(k=draw(st.integers(1, n)), n=n)


@given(rules(), st.lists(st.floats(0, 1), max_size=250))
def test_station_alarms_where_the_workshop_does(rule: AlarmRuleSpec, scores: list[float]) -> None:
    station = AlarmRule(rule)
    found = [station.apply(judged(score)).verdict == Verdict.FAIL for score in scores]
    workshop = alarms(np.array(scores), 0.5, rule)
    # The workshop's alarm also lasts while the newest window is quiet; the station's verdict is
    # on the newest reading, so it fails where both hold.
    assert found == [bool(a) and score >= 0.5 for a, score in zip(workshop, scores, strict=True)]


def test_history_outlives_rule_and_process() -> None:
    before = AlarmHistory()
    for score in (0.9, 0.9, 0.1, 0.9):
        AlarmRule(AlarmRuleSpec(k=3, n=5), before).apply(judged(score), "oven")
    after = AlarmHistory()
    after.restore(before.dump())
    assert AlarmRule(AlarmRuleSpec(k=4, n=5), after).apply(judged(0.9), "oven").verdict == "FAIL"
    assert AlarmRule(AlarmRuleSpec(k=2, n=5), after).apply(judged(0.9)).verdict == "PASS"


def test_series_that_is_silent_for_longest_is_forgotten() -> None:
    history = AlarmHistory()
    for k in range(MOST_SERIES + 1):
        history.add(True, str(k))
    assert "0" not in history.dump()
    assert len(history.dump()) == MOST_SERIES


@pytest.mark.parametrize("digits", ["x", "", "-g"])
def test_history_that_is_none_is_refused(digits: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        AlarmHistory().restore({"": digits})
