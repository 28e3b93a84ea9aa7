"""Alarms that have to persist: k of the last n judgements of one channel (or one of its series).

The rule may change with a bundle; the history belongs to the channel and does not. A machine in
alarm stays in alarm when a new bundle is pushed and when the agent starts again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from edge_agent.contracts.core.types import Judgement, Verdict
from edge_agent.contracts.model.alarm_rule import MOST_WINDOWS, AlarmRuleSpec

MOST_SERIES = 256
"""Series (machines, batches) that are remembered at once; the one silent for longest goes."""
MASK = (1 << MOST_WINDOWS) - 1


class AlarmHistory:
    """Which of the last 100 judgements of each series reached the threshold.

    A series is the name of a machine or batch, "" where there is only one. Its history is a number
    whose lowest bit is the newest judgement. revision: changes with every change that dump() shows.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._series: OrderedDict[str, int] = OrderedDict()

    def add(self, over: bool, series: str = "") -> int:
        """Append a judgement to its series; gives the history as bits."""
        before = self._series.pop(series, 0)
        bits = (before << 1 | over) & MASK
        self.revision += bits != before
        self._series[series] = bits
        if len(self._series) > MOST_SERIES:
            self._series.popitem(last=False)
        return bits

    def dump(self) -> dict[str, str]:
        """Series -> history as hexadecimal digits; a series without any alarm is left out."""
        return {series: f"{bits:x}" for series, bits in self._series.items() if bits}

    def restore(self, dumped: dict[str, str]) -> None:
        """Take the histories of dump(); raises ValueError for what is none."""
        found = {series: int(digits, 16) & MASK for series, digits in dumped.items()}
        self._series = OrderedDict(list(found.items())[-MOST_SERIES:])


class AlarmRule:
    """Holds the judgements of one channel, in their order, against one rule.

    history: the channel's own; by default one that ends with this object.
    """

    def __init__(self, rule: AlarmRuleSpec, history: AlarmHistory | None = None) -> None:
        self._rule = rule
        self._history = AlarmHistory() if history is None else history

    def apply(self, judgement: Judgement, series: str = "") -> Judgement:
        """The judgement; a FAIL that has not lasted long enough is a PASS with the reason."""
        failed = judgement.verdict == Verdict.FAIL
        bits = self._history.add(failed, series)
        count = (bits & ((1 << self._rule.n) - 1)).bit_count()
        if not failed or count >= self._rule.k:
            return judgement
        waiting = f"over the threshold in {count} of {self._rule.n}, {self._rule.k} make an alarm"
        return replace(judgement, verdict=Verdict.PASS, reason=waiting)
