"""What a station refuses is named in its log, each once, however often the broker repeats it."""

from __future__ import annotations

import hashlib
import logging

LOG = logging.getLogger("lineside.rollout")

MOST_NAMED = 100
"""Between two desired states that were taken; whoever forges more is named in one line."""


class Refusals:
    """Names each refused message once; the memory is bounded."""

    def __init__(self) -> None:
        self._named: set[bytes] = set()
        self._is_full = False

    def name(self, payload: bytes, error: Exception) -> bool:
        """Log why `payload` was refused; whether it was new."""
        digest = hashlib.sha256(payload).digest()
        if digest in self._named or self._is_full:
            return False
        if len(self._named) == MOST_NAMED:
            self._is_full = True
            LOG.error(
                "more than %d other messages were refused: the broker lets strangers write, or is "
                "one; further ones are not named until the next desired state",
                MOST_NAMED,
            )
            return False
        self._named.add(digest)
        LOG.warning("refused: %s", error)
        return True

    def forget(self) -> None:
        """After a message that was taken: name again what comes."""
        self._named.clear()
        self._is_full = False
