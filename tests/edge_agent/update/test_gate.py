"""The gate's error rates, counted over simulated candidates."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.update.gate import Gate

GATE = Gate(tolerated=0.01, harmful=0.05, error_rate=0.05)
RUNS = 1000


def verdicts(rate: float, seed: int) -> dict[str, float]:
    """Shares of the verdicts over RUNS candidates, each looked at after every item."""
    rng, found = np.random.default_rng(seed), {"promote": 0, "refuse": 0, "go on": 0}
    for bad in rng.random((RUNS, 2000)) < rate:
        verdict = "go on"
        for items, so_far in enumerate(np.cumsum(bad)[4::5], start=1):
            verdict = GATE.judge(5 * items, int(so_far))
            if verdict != "go on":
                break
        found[verdict] += 1
    return {key: count / RUNS for key, count in found.items()}


@pytest.mark.parametrize("rate", [0.05, 0.08])
def test_a_harmful_candidate_is_rarely_promoted(rate: float) -> None:
    assert verdicts(rate, seed=1)["promote"] <= GATE.error_rate


@pytest.mark.parametrize("rate", [0.0, 0.01])
def test_a_tolerable_candidate_is_rarely_refused(rate: float) -> None:
    found = verdicts(rate, seed=2)
    assert found["refuse"] <= GATE.error_rate
    assert found["promote"] >= 0.9


def test_a_faultless_candidate_passes_after_the_stated_number() -> None:
    needed = Gate().items_without_fault()
    assert needed == 373
    assert Gate().judge(needed, 0) == "promote"
    assert Gate().judge(needed - 1, 0) == "go on"


def test_a_candidate_that_differs_everywhere_is_refused_at_once() -> None:
    assert Gate().judge(2, 2) == "refuse"


def test_rates_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(ValidationError, match="tolerated must be below harmful"):
        Gate(tolerated=0.02, harmful=0.02)
