from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.contracts.model.alarm_rule import AlarmRuleSpec, alarms


def test_two_of_three_waits_for_the_second() -> None:
    scores = np.array([0.0, 9, 0, 9, 9, 0, 0])
    raised = alarms(scores, 5.0, AlarmRuleSpec(k=2, n=3))
    assert raised.tolist() == [False, False, False, True, True, True, False]


def test_one_of_one_is_the_threshold_itself() -> None:
    assert alarms(np.array([4.9, 5.0]), 5.0, AlarmRuleSpec()).tolist() == [False, True]


def test_k_above_n_is_refused() -> None:
    with pytest.raises(ValidationError, match="above n"):
        AlarmRuleSpec(k=3, n=2)
