"""Who is logged in, and how often somebody may try a password; all in memory."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from edge_agent.contracts.core.clock import Clock

MOST_SESSIONS = 256
MOST_REMEMBERED = 4096
TRIES = 5
"""Wrong passwords in a row before a lock-out."""
LOCKED_S = 300.0


@dataclass
class Session:
    """One login. csrf: the token that every change must carry; seen_ns: its last use."""

    name: str
    csrf: str
    seen_ns: int


class Sessions:
    """Sessions by the hash of their id. Any thread may call it; the oldest goes when full."""

    def __init__(self, clock: Clock, hours: float) -> None:
        self._clock = clock
        self._limit_ns = round(hours * 3600e9)
        self._by_hash: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, name: str, old_id: str = "") -> tuple[str, Session]:
        """A session under a new id; what the browser had before is ended, never taken over."""
        self.end(old_id)
        new_id = secrets.token_urlsafe(32)
        session = Session(name, secrets.token_urlsafe(32), self._clock.mono_ns())
        with self._lock:
            self._by_hash[_hash(new_id)] = session
            while len(self._by_hash) > MOST_SESSIONS:
                self._by_hash.popitem(last=False)
        return new_id, session

    def find(self, session_id: str, *, touch: bool = True) -> Session | None:
        """The session of an id; touch: a person's click, which a live view is not."""
        if not session_id:
            return None
        now_ns = self._clock.mono_ns()
        with self._lock:
            session = self._by_hash.get(_hash(session_id))
            if session is None:
                return None
            if now_ns - session.seen_ns > self._limit_ns:
                del self._by_hash[_hash(session_id)]
                return None
            if touch:
                session.seen_ns = now_ns
            return session

    def end(self, session_id: str) -> None:
        """End a session; an unknown id is fine."""
        with self._lock:
            self._by_hash.pop(_hash(session_id), None)


class LockOut:
    """Refuses a name from an address, and an address, after too many wrong passwords."""

    def __init__(self, clock: Clock, tries: int = TRIES, locked_s: float = LOCKED_S) -> None:
        self._clock = clock
        self._tries = tries
        self._locked_ns = round(locked_s * 1e9)
        self._failed: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, name: str, address: str) -> int:
        """Seconds until a next try is allowed; 0: now."""
        now_ns = self._clock.mono_ns()
        with self._lock:
            ends = [
                at_ns + self._locked_ns - now_ns
                for key, limit in self._limits(name, address)
                for count, at_ns in [self._failed.get(key, (0, 0))]
                if count >= limit
            ]
        return max(0, *(-(-left // 1_000_000_000) for left in ends), 0)

    def fail(self, name: str, address: str) -> None:
        """Count a wrong password; what is older than the lock is forgotten."""
        now_ns = self._clock.mono_ns()
        with self._lock:
            for key, _ in self._limits(name, address):
                count, at_ns = self._failed.pop(key, (0, now_ns))
                is_old = now_ns - at_ns > self._locked_ns
                self._failed[key] = (1 if is_old else count + 1, now_ns)
            while len(self._failed) > MOST_REMEMBERED:
                self._failed.popitem(last=False)

    def succeed(self, name: str, address: str) -> None:
        """Forget the wrong passwords of a name from an address."""
        with self._lock:
            self._failed.pop((name, address), None)

    def _limits(self, name: str, address: str) -> list[tuple[tuple[str, str], int]]:
        """A single name, and whoever tries many names from one address."""
        return [((name, address), self._tries), (("", address), 4 * self._tries)]


def same(token: str, other: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(token.encode(), other.encode())


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode("utf-8", "replace")).hexdigest()
