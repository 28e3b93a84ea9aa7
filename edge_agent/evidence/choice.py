"""Which of the judged items are worth keeping, and why."""

from __future__ import annotations

import random
import re
from collections import Counter

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.evidence.budget import Repetitions, WritingBudget
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.record import Cause

MINUTE_NS = 60_000_000_000
NUMBER = re.compile(r"[0-9]+([.,][0-9]+)?")


class Choice:
    """Chooses what to keep, within a number a minute for each channel and cause, and bytes an hour.

    dice: the randomness of the samples.
    """

    def __init__(self, table: EvidenceTable, dice: random.Random) -> None:
        self.beyond_limit = 0
        self._table = table
        self._dice = dice
        self._minute_ns = 0
        self._counts: Counter[tuple[str, Cause]] = Counter()
        self._budget = WritingBudget(table.hourly_mb)
        self._repetitions = Repetitions()

    def cause(self, verdict: ChannelVerdict, mono_ns: int) -> Cause | None:
        """Why the item is to be kept; None: it is not."""
        found = self._wanted(verdict)
        return found if found is not None and self.admits(verdict, found, mono_ns) else None

    def admits(self, verdict: ChannelVerdict, cause: Cause, mono_ns: int) -> bool:
        """Whether one more of `cause` is kept now; it is counted either way."""
        key = _key(verdict, cause)
        share_left = self._budget.share_left(mono_ns)
        if (
            self._admits_now(verdict.channel, cause, mono_ns)
            and self._budget.allows(cause, mono_ns)
            and self._repetitions.admits(key, share_left)
        ):
            return True
        self.beyond_limit += 1
        self._repetitions.leave_out(key)
        return False

    def take_count(self, verdict: ChannelVerdict, cause: Cause) -> int:
        """One is kept: how many like it were not, since the one before."""
        return self._repetitions.take_count(_key(verdict, cause))

    def lose(self, verdict: ChannelVerdict, cause: Cause, left_out: int) -> None:
        """One that was to be kept was not: it is left out, with those that it stood for."""
        self._repetitions.leave_out(_key(verdict, cause), 1 + left_out)

    def spend(self, size: int) -> None:
        """So many bytes were written."""
        self._budget.spend(size)

    def _admits_now(self, channel: str, cause: Cause, mono_ns: int) -> bool:
        if mono_ns - self._minute_ns >= MINUTE_NS:
            self._minute_ns = mono_ns
            self._counts.clear()
        self._counts[channel, cause] += 1
        return self._counts[channel, cause] <= self._table.most_per_minute

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


def _key(verdict: ChannelVerdict, cause: Cause) -> tuple[str, str, str]:
    """What counts as the same: channel, cause, and label with reason without its numbers."""
    return verdict.channel, cause, f"{verdict.label} {NUMBER.sub('#', verdict.reason)}"
