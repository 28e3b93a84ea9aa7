"""k of n: an alarm that has to persist."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from edge_agent.contracts.core.strict import Strict

Scores = NDArray[np.floating]
"""(T,) scores of consecutive windows of one machine, oldest first."""

MOST_WINDOWS = 100
"""The longest history that a rule looks back on."""


class AlarmRuleSpec(Strict):
    """An alarm when at least k of the last n windows reached the threshold."""

    k: int = Field(default=1, ge=1, le=MOST_WINDOWS, description="readings over the threshold")
    n: int = Field(default=1, ge=1, le=MOST_WINDOWS, description="among the last so many")

    @model_validator(mode="after")
    def _ordered(self) -> AlarmRuleSpec:
        if self.k > self.n:
            raise ValueError(f"k {self.k} is above n {self.n}")
        return self


def alarms(scores: Scores, threshold: float, rule: AlarmRuleSpec) -> NDArray[np.bool_]:
    """Whether the rule alarms after each window: (T,); before n windows fewer count."""
    over = (np.asarray(scores) >= threshold).astype(np.int64)
    total = np.cumsum(np.concatenate([np.zeros(1, np.int64), over]))
    ends = np.arange(1, len(over) + 1)
    return np.asarray(total[ends] - total[np.maximum(ends - rule.n, 0)] >= rule.k)
