"""Writes what the station tells into the audit log: the listener of its messages."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from edge_agent.audit.config import AuditTable
from edge_agent.audit.log import AuditLog
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.wire.kinds.health import HealthMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.contracts.wire.observation import Observation
from edge_agent.contracts.wire.streams import Outbound

LOG = logging.getLogger("lineside.audit")
SYNC_S = 1.0


class AuditRecorder:
    """Takes the messages of one station, and the changes of people; any thread may call it.

    A disk that is full is logged once; what could not be recorded is counted, and the count is the
    first record when there is room again.
    """

    def __init__(self, folder: Path, table: AuditTable, *, clock: Clock) -> None:
        self._log = AuditLog(folder, clock=clock, quota_bytes=round(table.quota_mb * (1 << 20)))
        self._clock = clock
        self._lost = 0
        self._open = False
        self._lock = threading.Lock()
        # Held while records become durable: a slow disk keeps nobody from recording.
        self._disk = threading.Lock()
        self._synced_at_ns = clock.mono_ns()

    @property
    def head(self) -> str:
        """SEQ:DIGEST of the last record; empty before the first."""
        return str(self._log.head) if self._open else ""

    def start(self, facts: dict[str, Any]) -> None:
        """Record a start of the agent with what it runs: version, configuration."""
        with self._lock:
            self._record("start", facts)

    def change(
        self, who: str, what: str, before: dict[str, object], after: dict[str, object]
    ) -> bool:
        """Record what a person changes, before it is confirmed; gives whether it is on disk."""
        body = {"who": who, "what": what, "before": before, "after": after}
        with self._lock:
            is_recorded = self._record("change", body)
        return is_recorded and self._sync()

    def publish(self, message: Outbound) -> None:
        """Record a verdict or a change of state; make records durable about once a second."""
        with self._lock:
            self._take(message)
            elapsed_ns = self._clock.mono_ns() - self._synced_at_ns
        if isinstance(message, HealthMessage) or elapsed_ns >= SYNC_S * 1e9:
            self._sync()

    def name_content(self, observation: Observation, sha256: str) -> None:
        """Record the sha256 of the pixels, samples or tags that a channel judged of a part.

        It stands before or after the part's verdict; captured_at_ns binds the two.
        """
        body = {
            "part_id": observation.part_id,
            "channel": observation.verdict.channel,
            "captured_at_ns": observation.item.captured_at_ns,
            "sha256": sha256,
        }
        with self._lock:
            self._record("content", body)

    def close(self) -> None:
        """Make everything durable; closing twice is fine."""
        with self._disk, self._lock:
            if self._open:
                self._record("stop", {})
                self._open = False
                self._log.close()

    def _take(self, message: Outbound) -> None:
        if isinstance(message, VerdictMessage | StateMessage):
            body = message.model_dump(
                mode="json", exclude={"schema_version", "kind", "station", "event_id"},
                exclude_none=True, exclude_defaults=True,
            )  # fmt: skip
            self._record(message.kind, body)

    def _record(self, kind: str, body: dict[str, Any]) -> bool:
        try:
            if not self._open:
                self._log.open()
                self._open = True
            if self._lost:
                self._log.append("lost", {"records": self._lost})
                LOG.warning("the audit log is written again; %d records are missing", self._lost)
                self._lost = 0
            self._log.append(kind, body)
        except StorageError as error:
            self._lost += 1
            if self._lost == 1:
                LOG.error("the audit log is not written: %s", error)  # noqa: TRY400
            return False
        return True

    def _sync(self) -> bool:
        try:
            with self._disk:
                with self._lock:
                    self._synced_at_ns = self._clock.mono_ns()
                    if not self._open:
                        return False
                    point = self._log.sync_point()
                if point is not None:
                    self._log.keep(point)
        except StorageError as error:
            LOG.error("the audit log is not durable: %s", error)  # noqa: TRY400
            return False
        return True
