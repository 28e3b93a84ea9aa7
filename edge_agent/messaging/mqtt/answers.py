"""What the broker has answered on one connection, and what it may not have survived."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_agent.broker.packets import FAILURE


@dataclass
class Answers:
    """One connection's answers.

    A broker answers in order, so an answer to a later message shows that it survived an earlier
    one that has no answer of its own.
    """

    _accepted: bool = False
    _refused: bool = False
    _asked: int = 0
    _answered: int = 0
    _needed: dict[str, int] = field(default_factory=dict)

    def asked(self) -> None:
        """A packet went out that the broker answers."""
        self._asked += 1

    def published(self, stream: str, qos: int) -> None:
        """A message that is not in the outbox went out."""
        self._asked += qos
        self._needed[stream] = self._asked + (0 if qos else 1)

    def answered(self, code: int) -> None:
        """An answer came, with this reason code."""
        self._answered += 1
        if code >= FAILURE:
            self._refused = True
        else:
            self._accepted = True

    @property
    def is_sound(self) -> bool:
        """Whether the broker accepted something, and refused nothing."""
        return self._accepted and not self._refused

    @property
    def open_streams(self) -> set[str]:
        """Streams whose last message the broker has not been seen to survive."""
        return {name for name, needed in self._needed.items() if needed > self._answered}
