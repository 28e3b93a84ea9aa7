"""What the stations of a rollout report, and who waits for it.

The broker may forge a report. So those of a station whose key the inventory has count only with its
signature; of another one a report moves the rollout on and nothing more: what a station runs is
decided by what it checks itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from edge_agent.contracts.wire.kinds.update import STREAM, UpdateMessage

LOG = logging.getLogger("lineside.rollout")

ENDS = ("done", "failed", "returned", "refused")


@dataclass
class Waiting:
    """One desired state that a station has not ended yet."""

    counter: int
    is_seen: threading.Event = field(default_factory=threading.Event)
    is_ended: threading.Event = field(default_factory=threading.Event)
    last: UpdateMessage | None = None
    is_foreign: bool = False
    """A report on it came that its station's report_key did not sign; it counts for nothing."""


class Reports:
    """Hands each report to who waits for its station and its counter; others are passed over."""

    def __init__(self, keys: Mapping[str, bytes] | None = None) -> None:
        """keys: station -> its public key, for the stations that have one."""
        self._keys = keys or {}
        self._forged: set[str] = set()
        self._waiting: dict[str, Waiting] = {}
        self._lock = threading.Lock()

    @contextmanager
    def waiting(self, station: str, counter: int) -> Iterator[Waiting]:
        """Wait for the reports of a station on the desired state with this counter."""
        one = Waiting(counter)
        with self._lock:
            self._waiting[station] = one
        try:
            yield one
        finally:
            with self._lock:
                if self._waiting.get(station) is one:
                    del self._waiting[station]

    def came(self, topic: str, payload: bytes) -> None:
        """A message on PREFIX/STATION/update."""
        station = topic.rpartition("/")[0].rpartition("/")[2]
        with self._lock:
            waiting = self._waiting.get(station)
        if waiting is None or len(payload) > STREAM.max_bytes:
            return
        try:
            message = UpdateMessage.model_validate_json(payload)
        except ValidationError:
            return
        if not self._is_own(station, message):
            waiting.is_foreign |= message.counter == waiting.counter
            return
        if message.counter == waiting.counter and not waiting.is_ended.is_set():
            waiting.last = message
            waiting.is_seen.set()
            if message.state in ENDS:
                waiting.is_ended.set()

    def _is_own(self, station: str, message: UpdateMessage) -> bool:
        """Whether the station itself said so, as far as the inventory lets us know."""
        key = self._keys.get(station)
        if key is None:
            return True
        try:
            signature = bytes.fromhex(message.signature)
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message.signed_bytes())
        except (InvalidSignature, ValueError):
            if station not in self._forged:
                self._forged.add(station)
                LOG.warning("%s: a report that its report_key did not sign is passed over", station)
            return False
        return message.station == station
