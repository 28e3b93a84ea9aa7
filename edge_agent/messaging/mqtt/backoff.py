"""How long to wait before the next connection, and whether another client uses our id."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

FIRST_WAIT_S = 0.2
"""The wait before the second attempt to connect; it doubles up to `longest_s`."""
RIVAL_WAIT_S = 2.0
"""The same after another client took our session over."""
CUT_OFFS = 5
"""So many sound connections cut off one after the other are taken for a second client."""
SOUND_S = 30.0
"""A connection that lasts so long is sound, also where nothing had to be confirmed."""
NO_RIVAL_S = 300.0


@dataclass
class Backoff:
    """Waits that only a confirmed message, or a connection that lasts, makes short again.

    A broker that accepts us and takes nothing is therefore not asked for ever. random: 0 to 1.
    """

    longest_s: float
    random: Callable[[], float]
    attempts: int = 0
    rivals: int = 0
    _cut_offs: int = 0
    _suspects: frozenset[int | str] = frozenset()

    def wait_s(self) -> float:
        """The wait before the next attempt; not in step with other stations."""
        wait_s: float = min(self.longest_s, FIRST_WAIT_S * 2 ** min(self.attempts, 16))
        if self.rivals:
            wait_s = max(wait_s, min(self.longest_s, RIVAL_WAIT_S * 2 ** min(self.rivals, 16)))
        self.attempts += 1
        return wait_s * (0.5 + self.random() / 2)

    def confirmed(self) -> None:
        """A message was confirmed."""
        self.attempts = 0

    def lasts(self, lasted_s: float) -> bool:
        """The connection has lasted so long; returns whether that makes it a sound one."""
        if lasted_s > NO_RIVAL_S:
            self.rivals = self._cut_offs = 0
        sound = lasted_s > max(SOUND_S, self.longest_s)
        if sound:
            self.attempts = 0
        return sound

    def lost(self, *, taken_over: bool, sound: bool, pending: Iterable[int | str]) -> None:
        """A connection ended. taken_over: the broker says that another client has our id (MQTT 5).
        sound: something was accepted on it, and nothing refused. pending: the messages that the
        broker may not have survived, by row or by stream.

        Without the broker's word, a second client is seen by this: we are cut off again and again,
        are let in at once, are sound, and no message was pending at each of these ends. Which of
        the pending ones a broker breaks on is unknown: their answers are lost with the connection.
        """
        pending = frozenset(pending)
        common = pending & self._suspects
        self._suspects = common or pending
        self._cut_offs = self._cut_offs + 1 if sound and not common else 0
        if taken_over or self._cut_offs >= CUT_OFFS:
            self.rivals += 1
