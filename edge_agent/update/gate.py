"""The gate of a shadow: a sequential test with stated error rates (A. Wald, 1945).

Each compared item is bad (the candidate decides otherwise, not at all, or too late) or not. Two
rates of bad items are told apart: `tolerated` and `harmful`. The likelihood ratio of the two is
a martingale, so that by Ville's inequality, however often it is looked at:

    a candidate at or below the tolerated rate is refused with a probability of at most error_rate
    a candidate at or above the harmful rate is promoted with a probability of at most error_rate
"""

from __future__ import annotations

import math
from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from edge_agent.contracts.core.strict import Strict

GateVerdict: TypeAlias = Literal["promote", "refuse", "go on"]


class Gate(Strict):
    """The rates of one gate; all are shares from 0 to 1."""

    tolerated: float = Field(default=0.002, gt=0, lt=1, description="rate of bad items, still good")
    harmful: float = Field(default=0.01, gt=0, lt=1, description="rate of bad items, harmful")
    error_rate: float = Field(default=0.05, gt=0, lt=0.5, description="of either wrong verdict")

    @model_validator(mode="after")
    def _rates_differ(self) -> Self:
        if self.tolerated >= self.harmful:
            raise ValueError("tolerated must be below harmful")
        return self

    def judge(self, items: int, bad: int) -> GateVerdict:
        """The verdict after `items` compared items, of which `bad` were bad."""
        ratio = self._log_ratio(items, bad)
        if ratio >= -math.log(self.error_rate):
            return "refuse"
        return "promote" if ratio <= math.log(self.error_rate) else "go on"

    def items_without_fault(self) -> int:
        """How many items, none of them bad, let a candidate pass."""
        step = math.log((1 - self.harmful) / (1 - self.tolerated))
        return math.ceil(math.log(self.error_rate) / step)

    def _log_ratio(self, items: int, bad: int) -> float:
        """Log of the likelihood under the harmful rate over that under the tolerated one."""
        of_bad = math.log(self.harmful / self.tolerated)
        of_good = math.log((1 - self.harmful) / (1 - self.tolerated))
        return bad * of_bad + (items - bad) * of_good
