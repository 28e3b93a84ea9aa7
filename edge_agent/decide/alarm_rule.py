"""Alarms that have to persist: k of the last n judgements of one machine."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from edge_agent.contracts.core.types import Judgement, Verdict
from edge_agent.contracts.model.alarm_rule import Persistence


class Persisting:
    """Holds the judgements of one machine, in their order, against one rule."""

    def __init__(self, rule: Persistence) -> None:
        self._rule = rule
        self._over: deque[bool] = deque(maxlen=rule.n)

    def hold(self, found: Judgement) -> Judgement:
        """The judgement; a FAIL that has not lasted long enough is a PASS that says so."""
        self._over.append(found.verdict == Verdict.FAIL)
        seen = sum(self._over)
        if found.verdict != Verdict.FAIL or seen >= self._rule.k:
            return found
        waiting = f"over the threshold in {seen} of {self._rule.n}, {self._rule.k} make an alarm"
        return replace(found, verdict=Verdict.PASS, reason=waiting)
