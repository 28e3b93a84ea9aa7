"""Which of the judged items are worth keeping, and why."""

from __future__ import annotations

import random
from collections import Counter

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.record import Cause

MINUTE_NS = 60_000_000_000


class Choice:
    """Chooses what to keep, within a number a minute for each channel and cause.

    dice: the randomness of the samples.
    """

    def __init__(self, table: EvidenceTable, dice: random.Random) -> None:
        self.beyond_limit = 0
        self._table = table
        self._dice = dice
        self._minute_ns = 0
        self._counts: Counter[tuple[str, Cause]] = Counter()

    def cause(self, verdict: ChannelVerdict, mono_ns: int) -> Cause | None:
        """Why the item is to be kept; None: it is not."""
        found = self._wanted(verdict)
        return found if found is not None and self.admits(verdict.channel, found, mono_ns) else None

    def admits(self, channel: str, cause: Cause, mono_ns: int) -> bool:
        """Whether one more of `cause` is kept in this minute; it is counted either way."""
        if mono_ns - self._minute_ns >= MINUTE_NS:
            self._minute_ns = mono_ns
            self._counts.clear()
        key = (channel, cause)
        if self._counts[key] >= self._table.most_per_minute:
            self.beyond_limit += 1
            return False
        self._counts[key] += 1
        return True

    def _wanted(self, verdict: ChannelVerdict) -> Cause | None:
        if verdict.verdict == Verdict.FAIL:
            return "fail" if self._drawn(self._table.fail_share) else None
        if verdict.verdict == Verdict.NO_VERDICT:
            return "no-verdict" if self._drawn(self._table.no_verdict_share) else None
        if is_unsure(verdict, self._table.unsure_margin):
            return "unsure"
        return "sample" if self._drawn(self._table.pass_share) else None

    def _drawn(self, share: float) -> bool:
        return self._dice.random() < share


def is_unsure(verdict: ChannelVerdict, margin: float) -> bool:
    """Whether the threshold lies in the interval, or within `margin` of itself from the score."""
    if verdict.threshold is None:
        return False
    if verdict.interval is not None:
        low, high = verdict.interval
        return low <= verdict.threshold <= high
    if verdict.score is None:
        return False
    return abs(verdict.score - verdict.threshold) < margin * abs(verdict.threshold)
