"""Golden parts at the running station: a wrong decision on one blocks PASS before the next part."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.wire.decision import Decision, SafeAction
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.decide.hold import PERSON, Hold
from edge_agent.golden.check import GoldenCheck, GoldenRequest, GoldenResult, GoldenSeen
from edge_agent.golden.config import GoldenTable
from edge_agent.golden.folder import DueRecord, GoldenFolder

LOG = logging.getLogger("lineside.golden")

LOOK_S = 0.1
"""Between two looks for a request."""
DUE = "golden parts are due"
WRONG_PARTS, PARTS_DUE = "golden", "golden-due"
"""The causes of its stops."""

Record = Callable[[str, str, dict[str, object], dict[str, object]], object]
"""Records who changed what: (who, what, before, after)."""


class GoldenGate(Hold):
    """Stops passing when a golden part was decided wrongly, or when golden parts are due.

    Any thread may call it; look() belongs to one. A person releases it as any other stop: on the
    page, by `golden clear`, or by golden parts that are decided rightly. record: for the audit log.
    """

    def __init__(
        self,
        folder: Path,
        safe_action: SafeAction,
        table: GoldenTable,
        *,
        clock: Clock,
        record: Record = lambda *_: None,
    ) -> None:
        super().__init__(folder, safe_action)
        self._files = GoldenFolder(folder)
        self._table = table
        self._clock = clock
        self._record = record
        self._check: GoldenCheck | None = None
        self._until_ns = 0
        self._ended: GoldenResult | None = None
        self._due_record = DueRecord()  # never changed in place
        self._kept_due = self._due_record  # what is on disk
        self._is_stop_kept = True
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="golden", daemon=True)

    def load(self) -> None:
        """Go on as before the restart."""
        super().load()
        self._due_record = self._kept_due = self._files.due()
        self._stop_now_when_due()

    def release(self, *causes: str) -> None:
        """End stops as Hold does; parts that were due are due again only after the next period."""
        was_due = bool(self.stopped_by(PARTS_DUE)) and (not causes or PARTS_DUE in causes)
        super().release(*causes)
        if was_due:
            self._remember(changed_over=False, seen_ns=self._clock.utc_ns())

    def start(self) -> None:
        """Look for requests from now on."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def applied(self, decision: Decision) -> Decision:
        """The decision as Hold gives it; a golden part is compared as the channels judged it.

        Never waits for the disk: look() writes what was found.
        """
        with self._lock:
            check = self._check
            if check is not None and not decision.late_fail:
                check.take(decision)
                if check.is_whole:
                    self._check = None
                    self._end(check.result(self._clock.utc_ns()))
        return super().applied(decision)

    def publish(self, message: Outbound) -> None:
        """Take a message of the station: another bundle than judged last is a change-over, also
        one that came while the agent did not run. It stops passing before the next part.
        """
        if not isinstance(message, StateMessage) or not message.bundles:
            return
        before, now = self._due_record.bundles, dict(message.bundles)
        changed = any(before.get(channel, title) != title for channel, title in now.items())
        if now != before:
            self._remember(bundles=now, changed_over=self._due_record.changed_over or changed)
        if changed:
            self._stop_now_when_due()

    def look(self) -> None:
        """Take up a request, end a check whose time is over, and write what was found."""
        with self._lock:
            check = self._check
            if check is not None and self._clock.mono_ns() > self._until_ns:
                self._check = None
                missing = len(check.request.parts) - len(check.seen)
                fault = f"{missing} golden parts did not come in {self._table.within_s:g} s"
                self._end(check.result(self._clock.utc_ns(), fault))
            ended, self._ended = self._ended, None
        if ended is not None:
            self._keep(ended)
        request = self._files.take_request() if self._files.has_request() else None
        if request is not None:
            self._begin(request)
        self._stop_when_due()
        self._keep_due()

    def last_result(self) -> GoldenResult | None:
        """The end of the last check."""
        return self._files.result()

    def running(self) -> tuple[GoldenRequest, list[GoldenSeen]] | None:
        """The check that waits for parts, and those that have come; None where none does."""
        with self._lock:
            check = self._check
            return None if check is None else (check.request, list(check.seen))

    def clear(self, who: str) -> None:
        """Let parts pass again without golden parts; recorded. A person's stop stays.

        Raises StorageError where it cannot be kept.
        """
        self._let_pass(who, "golden clear")

    def due(self) -> str:
        """Why golden parts are due; empty where they are not."""
        if self._due_record.changed_over and self._table.after_change_over:
            return f"{DUE}: the bundle has changed"
        if not self._table.every_h:
            return ""
        seen_ns = self._due_record.seen_ns
        if seen_ns is None:
            return f"{DUE}: none was seen yet"
        hours = (self._clock.utc_ns() - seen_ns) / 3.6e12
        return f"{DUE}: {hours:.1f} h since the last" if hours >= self._table.every_h else ""

    def _begin(self, request: GoldenRequest) -> None:
        if request.clears:
            self.clear(request.by)
            self._files.put_result(
                GoldenResult(
                    number=request.number,
                    by=request.by,
                    at_ns=self._clock.utc_ns(),
                    fault="cleared without golden parts",
                )
            )
            return
        with self._lock:
            self._until_ns = self._clock.mono_ns() + round(self._table.within_s * 1e9)
            self._check = GoldenCheck(request)
        LOG.warning("the next %d parts are golden parts (%s)", len(request.parts), request.by)

    def _end(self, result: GoldenResult) -> None:
        """In memory, at once; the disk comes later."""
        self._ended = result
        if result.fault:
            self.stop_now(result.fault, WRONG_PARTS)

    def _keep(self, result: GoldenResult) -> None:
        after: dict[str, object] = {"fault": result.fault, "parts": len(result.seen)}
        self._record(result.by, "golden parts", {}, after)
        if result.fault:
            LOG.error("%s: nothing passes until golden parts are right", result.fault)
            self.stop(result.fault, WRONG_PARTS)
        else:
            LOG.warning("all %d golden parts were decided rightly", len(result.seen))
            self._remember(changed_over=False, seen_ns=result.at_ns)
            self._let_pass(result.by, "golden parts")
        # Last: who waits for the result may send the next part at once.
        self._files.put_result(result)

    def _let_pass(self, who: str, what: str) -> None:
        """End the stops that golden parts made; a person's stop stays."""
        stopped = self.stopped_by(WRONG_PARTS, PARTS_DUE)
        if stopped:
            self._record(who, what, {"stopped": stopped}, {"stopped": self.stopped_by(PERSON)})
            self.release(WRONG_PARTS, PARTS_DUE)

    def _stop_now_when_due(self) -> None:
        """Before the next part; look() keeps it."""
        reason = self.due() if self._table.block_when_due else ""
        if reason and not self.stopped_by(PARTS_DUE):
            LOG.warning("%s", reason)
            self.stop_now(reason, PARTS_DUE)
            self._is_stop_kept = False

    def _stop_when_due(self) -> None:
        if self._check is None and not self.stopped_by(WRONG_PARTS):
            self._stop_now_when_due()
        reason = self.stopped_by(PARTS_DUE)
        if reason and not self._is_stop_kept:
            self.stop(reason, PARTS_DUE)
            self._is_stop_kept = True

    def _remember(self, **changes: object) -> None:
        """In memory, at once; look() writes it."""
        with self._lock:
            self._due_record = self._due_record.model_copy(update=changes)

    def _keep_due(self) -> None:
        record = self._due_record
        if record != self._kept_due:
            self._files.put_due(record)
            self._kept_due = record

    def _run(self) -> None:
        faults = 0
        while not self._stopping.wait(LOOK_S):
            try:
                self.look()
            except StorageError as error:
                faults += 1
                if faults.bit_count() == 1:
                    LOG.error("golden parts: %s", error)  # noqa: TRY400
