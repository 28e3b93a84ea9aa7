"""k of n: an alarm that has to persist, chosen on the normal data of the training side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Scores = NDArray[np.floating]
"""(T,) scores of consecutive windows of one machine, oldest first."""


class Persistence(BaseModel):
    """An alarm when at least k of the last n windows reached the threshold."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    k: int = Field(default=1, ge=1, le=100, description="readings over the threshold")
    n: int = Field(default=1, ge=1, le=100, description="among the last so many")

    @model_validator(mode="after")
    def _ordered(self) -> Persistence:
        if self.k > self.n:
            raise ValueError(f"k {self.k} is above n {self.n}")
        return self


def alarms(scores: Scores, threshold: float, rule: Persistence) -> NDArray[np.bool_]:
    """Whether the rule alarms after each window: (T,); before n windows fewer count."""
    over = (np.asarray(scores) >= threshold).astype(np.int64)
    total = np.cumsum(np.concatenate([np.zeros(1, np.int64), over]))
    ends = np.arange(1, len(over) + 1)
    return np.asarray(total[ends] - total[np.maximum(ends - rule.n, 0)] >= rule.k)


def choose_persistence(
    runs: Sequence[Scores], threshold: float, false_alarms: float, slowest: int = 10
) -> Persistence:
    """The quickest rule (least n, then least k) with at most that share of false alarms.

    `runs` are normal stretches that the model has not learnt from. Where no rule up to `slowest`
    windows suffices, the one with the fewest false alarms.
    """
    best, least = Persistence(), np.inf
    for n in range(1, slowest + 1):
        for k in range((n + 1) // 2, n + 1):
            rule = Persistence(k=k, n=n)
            share = _share(runs, threshold, rule)
            if share <= false_alarms:
                return rule
            if share < least:
                best, least = rule, share
    return best


def _share(runs: Sequence[Scores], threshold: float, rule: Persistence) -> float:
    raised = [alarms(run, threshold, rule) for run in runs if len(run)]
    return float(np.concatenate(raised).mean()) if raised else 0.0
