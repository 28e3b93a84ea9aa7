from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.contracts.persistence import Persistence, alarms, choose_persistence


def test_two_of_three_waits_for_the_second() -> None:
    scores = np.array([0.0, 9, 0, 9, 9, 0, 0])
    raised = alarms(scores, 5.0, Persistence(k=2, n=3))
    assert raised.tolist() == [False, False, False, True, True, True, False]


def test_one_of_one_is_the_threshold_itself() -> None:
    assert alarms(np.array([4.9, 5.0]), 5.0, Persistence()).tolist() == [False, True]


def test_the_quickest_sufficient_rule_is_chosen() -> None:
    lone = [np.array([0.0, 9, 0, 0, 0, 9, 0, 0, 0])]
    assert choose_persistence(lone, 5.0, 0.01) == Persistence(k=2, n=2)
    assert choose_persistence([np.zeros(9)], 5.0, 0.01) == Persistence(k=1, n=1)


def test_where_nothing_suffices_the_least_evil_is_chosen() -> None:
    always = [np.full(20, 9.0)]
    rule = choose_persistence(always, 5.0, 0.01, slowest=4)
    assert alarms(always[0], 5.0, rule).mean() < 1.0


def test_k_above_n_is_refused() -> None:
    with pytest.raises(ValidationError, match="above n"):
        Persistence(k=3, n=2)
