"""Passing stopped by a person: no part passes until somebody lets them pass again."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

from edge_agent.contracts.core.errors import InputError, StorageError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision, SafeAction

FILE = "passing-stopped"


class Hold:
    """Turns every PASS into NO-VERDICT while somebody has stopped passing. Any thread may call it.

    folder: keeps it over a restart of the agent. Such a part is rejected, or stops the line where
    that is the safe action: letting it through would be no stop.
    """

    def __init__(self, folder: Path | None = None, safe_action: SafeAction = "reject") -> None:
        self._file = None if folder is None else folder / FILE
        self._safe_action = safe_action
        self._by = ""

    @property
    def by(self) -> str:
        """Who stopped passing; empty while parts may pass."""
        return self._by

    def load(self) -> None:
        """Go on as before the restart; a file that cannot be read counts as stopped."""
        if self._file is None or not self._file.exists():
            return
        self._by = "somebody before the restart"
        with contextlib.suppress(OSError, UnicodeDecodeError):
            self._by = self._file.read_text().strip() or self._by

    def stop(self, by: str) -> None:
        """Stop passing at once, then keep it; raises StorageError where only that fails."""
        if not by:
            raise InputError("nobody is named who stops passing")
        self._by = by
        if self._file is not None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(self._file, by.encode())
            except OSError as error:
                raise StorageError(str(error), where=str(self._file)) from error

    def release(self) -> None:
        """Let parts pass again; raises StorageError, and they do not, where it cannot be kept."""
        if self._file is not None:
            try:
                self._file.unlink(missing_ok=True)
            except OSError as error:
                raise StorageError(str(error), where=str(self._file)) from error
        self._by = ""

    def applied(self, decision: Decision) -> Decision:
        """The decision as it is while parts may pass, else with no PASS and no accept."""
        by = self._by
        if not by or decision.action != "accept" or decision.late_fail:
            return decision
        stopped = decision.verdict == Verdict.PASS
        return dataclasses.replace(
            decision,
            verdict=Verdict.NO_VERDICT if stopped else decision.verdict,
            action="stop" if self._safe_action == "stop" else "reject",
            reason=f"stopped by {by}" if stopped else f"{decision.reason}; stopped by {by}",
        )
