"""What is done every so many seconds, or sooner where it is urgent."""

from __future__ import annotations


class Every:
    """Tells when it is time again; the first time is at once."""

    def __init__(self, seconds: float) -> None:
        self._period_ns = round(seconds * 1e9)
        self._due_ns = 0

    def due(self, now_ns: int, *, hurry: bool = False) -> bool:
        """Whether it is time; what is due counts as done. now_ns: monotonic."""
        if now_ns < self._due_ns and not hurry:
            return False
        self._due_ns = now_ns + self._period_ns
        return True
