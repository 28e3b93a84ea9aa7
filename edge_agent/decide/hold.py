"""Passing stopped by a person or by a check: no part passes until every stop has ended."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Mapping
from pathlib import Path

from edge_agent.contracts.core.errors import InputError, StorageError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.json_text import load_json_object
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision, SafeAction

FILE = "passing-stopped"
PERSON = "person"
"""The cause of a stop that somebody made."""


class Hold:
    """Turns every PASS into NO-VERDICT while passing is stopped. Any thread may call it.

    Stops of several causes stand side by side: ending one leaves the others. folder: keeps them
    over a restart of the agent. Such a part is rejected, or stops the line where that is the safe
    action: letting it through would be no stop.
    """

    def __init__(self, folder: Path | None = None, safe_action: SafeAction = "reject") -> None:
        self._file = None if folder is None else folder / FILE
        self._safe_action = safe_action
        self._stops: dict[str, str] = {}  # never changed in place: other threads read it
        self._change = threading.Lock()
        self._disk = threading.Lock()  # taken before _change: the file holds what was last in force

    @property
    def by(self) -> str:
        """Who or what stopped passing, the first where there are several; empty: parts may pass."""
        return next(iter(self._stops.values()), "")

    def load(self) -> None:
        """Go on as before the restart; a file that cannot be read counts as stopped."""
        if self._file is None or not self._file.exists():
            return
        self._stops = {PERSON: "somebody before the restart"}
        with contextlib.suppress(OSError, ValueError):
            kept = load_json_object(self._file.read_bytes())
            if kept:
                self._stops = {str(cause): str(by) for cause, by in kept.items()}

    def stop(self, by: str, cause: str = PERSON) -> None:
        """Stop passing at once, then keep it; raises StorageError where only that fails."""
        self.stop_now(by, cause)
        with self._disk:
            self._write(self._stops)

    def stop_now(self, by: str, cause: str) -> None:
        """Stop passing without the disk: stop() has to follow."""
        if not by:
            raise InputError("nobody is named who stops passing")
        with self._change:
            self._stops = {**self._stops, cause: by}

    def release(self, *causes: str) -> None:
        """End the stops of these causes, without any all of them.

        Raises StorageError, and they stay, where it cannot be kept.
        """
        with self._disk:  # a stop that comes meanwhile is written after this
            stops = self._stops
            ended = {cause: by for cause, by in stops.items() if not causes or cause in causes}
            self._write({cause: by for cause, by in stops.items() if cause not in ended})
            with self._change:  # and it stays in force
                left = self._stops.items()
                self._stops = {cause: by for cause, by in left if ended.get(cause) != by}

    def stopped_by(self, *causes: str) -> str:
        """Who or what stopped passing for one of these causes; empty where none did."""
        return next((by for cause, by in self._stops.items() if cause in causes), "")

    def _write(self, stops: Mapping[str, str]) -> None:
        if self._file is None:
            return
        try:
            if stops:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(self._file, json.dumps(stops).encode())
            else:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(str(error), where=str(self._file)) from error

    def applied(self, decision: Decision) -> Decision:
        """The decision as it is while parts may pass, else with no PASS and no accept."""
        by = self.by
        if not by or decision.action != "accept" or decision.late_fail:
            return decision
        stopped = decision.verdict == Verdict.PASS
        return dataclasses.replace(
            decision,
            verdict=Verdict.NO_VERDICT if stopped else decision.verdict,
            action="stop" if self._safe_action == "stop" else "reject",
            reason=f"stopped by {by}" if stopped else f"{decision.reason}; stopped by {by}",
        )
