"""How much evidence is written in an hour, and who goes without when there is little left."""

from __future__ import annotations

from collections import Counter

from edge_agent.evidence.record import Cause

HOUR_NS = 3_600_000_000_000
AT_ONCE = 0.25
"""Share of an hour's bytes that may be written in a moment; the rest comes back over the hour, so
that no hour sees more than all of it."""
LEFT_FOR_OTHERS = {
    "missed": -1.0, "fail": 0.0, "shadow": 0.1, "no-verdict": 0.25, "unsure": 0.4, "sample": 0.5,
}  # fmt: skip
"""Share of AT_ONCE that a cause leaves to those before it. What a person reports is always kept."""
SCARCE = 0.5
"""Below this share a repetition waits for REPETITIONS others."""
REPETITIONS = 10
MOST_KEYS = 1000
"""Different reasons that are remembered; then it begins anew."""


def worth_of(cause: Cause) -> float:
    """Which cause goes without first where not all can be kept: that of the least worth."""
    return -LEFT_FOR_OTHERS[cause]


class WritingBudget:
    """One thread at a time. mb_per_hour: of evidence that a station writes at most."""

    def __init__(self, mb_per_hour: float) -> None:
        self._room = AT_ONCE * mb_per_hour * (1 << 20)
        self._per_ns = (1 - AT_ONCE) * mb_per_hour * (1 << 20) / HOUR_NS
        self._left = self._room
        self._at_ns: int | None = None

    def share_left(self, mono_ns: int) -> float:
        """How much may be written now, as a share of what may be written in a moment."""
        passed_ns = 0 if self._at_ns is None else max(0, mono_ns - self._at_ns)
        # Channels hand their items over in any order: no time counts twice.
        self._at_ns = mono_ns if self._at_ns is None else max(self._at_ns, mono_ns)
        self._left = min(self._room, self._left + passed_ns * self._per_ns)
        return self._left / self._room

    def allows(self, cause: Cause, mono_ns: int) -> bool:
        """Whether there is room for one more of a cause."""
        reserve = LEFT_FOR_OTHERS[cause]
        return reserve < 0 or self.share_left(mono_ns) > reserve

    def spend(self, size: int) -> None:
        """So many bytes were written."""
        self._left -= size


class Repetitions:
    """Thins what is said again and again, where room is scarce; the next one kept has the count."""

    def __init__(self) -> None:
        self._left_out: Counter[tuple[str, str, str]] = Counter()
        self._kept: set[tuple[str, str, str]] = set()

    def admits(self, key: tuple[str, str, str], share_left: float) -> bool:
        """Whether one more of this channel, cause and reason is kept."""
        if key not in self._kept or share_left >= SCARCE:
            return True
        return self._left_out[key] + 1 >= REPETITIONS

    def leave_out(self, key: tuple[str, str, str], count: int = 1) -> None:
        """So many were not kept."""
        if len(self._left_out) >= MOST_KEYS and key not in self._left_out:
            self._left_out.clear()
        self._left_out[key] += count

    def take_count(self, key: tuple[str, str, str]) -> int:
        """One is kept: how many were left out since the one before."""
        if len(self._kept) >= MOST_KEYS:
            self._kept.clear()
        self._kept.add(key)
        return self._left_out.pop(key, 0)
