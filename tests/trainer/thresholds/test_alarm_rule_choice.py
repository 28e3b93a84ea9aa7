"""k of n chosen on validation readings."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.model.alarm_rule import AlarmRuleSpec
from edge_agent.contracts.model.scoring import Scoring
from trainer.thresholds.alarm_rule_choice import Runs, choose_rule, tally, with_rule

QUIET = np.zeros(400)


def spikes(every: int, length: int = 1) -> np.ndarray:
    """400 readings, of which `length` in a row are over the threshold of 5 every so often."""
    run = QUIET.copy()
    for start in range(every, len(run), every):
        run[start : start + length] = 9
    return run


def fault(share: float, seed: int = 0) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(200) < share, 9.0, 0.0)


@pytest.mark.parametrize(
    ("normal", "limit", "rule"),
    [
        (QUIET, 0.001, AlarmRuleSpec(k=1, n=1)),
        (spikes(50), 0.1, AlarmRuleSpec(k=1, n=1)),
        (spikes(50), 0.001, AlarmRuleSpec(k=2, n=3)),
        (spikes(50, 2), 0.001, AlarmRuleSpec(k=3, n=5)),
    ],
    ids=["silent", "allowed", "lone", "pairs"],
)
def test_the_quickest_rule_that_holds_the_rate_is_taken(
    normal: np.ndarray, limit: float, rule: AlarmRuleSpec
) -> None:
    assert choose_rule(Runs([normal], [fault(0.8)]), 5.0, limit).rule == rule


def test_a_weak_fault_asks_for_a_longer_memory() -> None:
    strong = choose_rule(Runs([spikes(50)], [np.full(50, 9.0)]), 5.0, 0.001)
    weak = choose_rule(Runs([spikes(50)], [fault(0.5)]), 5.0, 0.001)
    assert (strong.rule.k, strong.rule.n, strong.delay) == (2, 2, 2.0)
    assert weak.rule == AlarmRuleSpec(k=2, n=3)
    assert weak.delay < tally(strong.rule, Runs([spikes(50)], [fault(0.5)]), 5.0).delay


def test_where_nothing_holds_the_rate_the_fewest_false_alarms_are_taken() -> None:
    always = Runs([np.full(60, 9.0)], [fault(0.8)])
    found = choose_rule(always, 5.0, 0.001)
    assert found.rule == AlarmRuleSpec(k=10, n=10)
    assert found.share > 0.5


def test_the_manifest_says_what_was_chosen_and_why() -> None:
    plain = Scoring(kind="anomaly", threshold=5.0)
    runs = Runs([spikes(50)], [])
    chosen = with_rule(plain, runs, 0.001)
    assert chosen.persistence == AlarmRuleSpec(k=2, n=3)
    assert "2 of 3 at 5: 0 of 400 normal validation readings" in chosen.persistence_chosen_by
    assert "below 0.75% with 95 % confidence" in chosen.persistence_chosen_by
    assert "assumed: no faulty validation readings" in chosen.persistence_chosen_by
    assert with_rule(plain, runs, None) == plain
    few = with_rule(plain, Runs([QUIET[:10]], []), 0.001)
    assert few.persistence == AlarmRuleSpec()
    assert "10 normal validation readings are too few" in few.persistence_chosen_by
