"""A topic that takes nothing: it is asked with one row at a time, ever more seldom. No I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass

PAUSE_S, PAUSE_MAX_S = 1.0, 10.0
UNHEARD_S = 60.0
"""Telemetry to which nobody subscribes for so long on a connection is left out."""


@dataclass
class Pause:
    """reason: of the last refusal. unheard: it is telemetry, and nobody subscribes to it.

    due_s: when the topic is asked again, wait_s after the last time. probing: a row is under way.
    """

    reason: str
    unheard: bool
    due_s: float
    wait_s: float = PAUSE_S
    probing: bool = False
    _unheard_since_s: float = math.inf

    @classmethod
    def begun(cls, reason: str, *, unheard: bool, now_s: float) -> Pause:
        """The pause of a topic that just refused a row."""
        since_s = now_s if unheard else math.inf
        return cls(reason, unheard, now_s + PAUSE_S, _unheard_since_s=since_s)

    def refused_again(self, reason: str, *, unheard: bool, now_s: float) -> None:
        """The topic was asked, and still takes nothing."""
        self.probing, self.unheard, self.reason = False, unheard, reason
        self.wait_s = min(PAUSE_MAX_S, 2 * self.wait_s)
        self.due_s = now_s + self.wait_s
        self._unheard_since_s = min(self._unheard_since_s, now_s) if unheard else math.inf

    def connected(self, now_s: float) -> None:
        """A connection begins: whether somebody subscribes now is not known before it is asked."""
        self.probing, self.due_s = False, now_s + self.wait_s
        self._unheard_since_s = math.inf

    def is_useless(self, now_s: float, unheard_s: float) -> bool:
        """Whether nobody has subscribed on this connection for `unheard_s`."""
        return self.unheard and now_s - self._unheard_since_s >= unheard_s
