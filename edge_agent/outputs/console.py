"""Verdict lines on a terminal, printed by a thread of their own so that the line never waits."""

from __future__ import annotations

import json
import sys
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Literal, TextIO

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.contracts.wire.messages import wire_text
from edge_agent.outputs.output import OutputDriver, OutputStatus, OutputTable

LINE_CHARACTERS = 8000


class ConsoleTable(OutputTable):
    """One line on stdout for each decision."""

    driver: Literal["console"]
    format: Literal["text", "json"] = Field(default="text", description="lines, or JSON objects")
    waiting: int = Field(
        default=1000, ge=1, le=1_000_000, description="lines that may wait for a slow terminal"
    )


class Console:
    """Writes one line for each decision; when too many wait, the oldest are left out."""

    def __init__(
        self, config: ConsoleTable, *, name: str, clock: Clock, stream: TextIO | None = None
    ) -> None:
        self._as_json = config.format == "json"
        self._clock = clock
        self._stream = stream
        self._lines: deque[str] = deque(maxlen=config.waiting)
        self._change = threading.Condition()
        self._written = 0
        self._last: Decision | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Start to print; a terminal has no safe state."""
        self.close()
        self._thread = threading.Thread(target=self._print, name="console", daemon=True)
        self._thread.start()

    def write(self, decision: Decision) -> None:
        """Queue the decision's line."""
        line = as_json(decision) if self._as_json else as_text(decision)
        with self._change:
            self._lines.append(line)
            self._written += 1
            self._last = decision
            self._change.notify()

    def show_safe_state(self) -> None:
        """Nothing to show."""

    def status(self) -> OutputStatus:
        """The last decision."""
        last = self._last
        return OutputStatus(None if last is None else last.action, written=self._written)

    def close(self) -> None:
        """Print what waits."""
        thread = self._thread
        with self._change:
            self._thread = None
            self._change.notify()
        if thread is not None:
            thread.join(timeout=2)

    def _print(self) -> None:
        me = threading.current_thread()
        while True:
            with self._change:
                self._change.wait_for(lambda: self._lines or self._thread is not me, 1.0)
                lines = list(self._lines)
                self._lines.clear()
                ended = self._thread is not me
            if not lines and ended:
                return
            stream = self._stream or sys.stdout
            try:
                stream.write("".join(f"{line}\n" for line in lines))
                stream.flush()
            except OSError:
                return  # nobody reads any more; the line goes on


def as_text(decision: Decision) -> str:
    """One line: time (UTC), verdict, action, part, what each channel saw, latency.

    Nothing in it moves the cursor: names of parts and labels come from outside.
    """
    at = datetime.fromtimestamp(decision.at_ns / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]
    seen = "; ".join(_seen(channel) for channel in decision.channels)
    reason = f"  ({decision.reason})" if _has_reason(decision) else ""
    return wire_text(
        f"{at}Z  {decision.verdict:<10}  {decision.action:<6}  {decision.part_id:<24}  "
        f"{seen}  {decision.latency_ms:.1f} ms{reason}",
        LINE_CHARACTERS,
    )


def _has_reason(decision: Decision) -> bool:
    return decision.verdict == "NO-VERDICT" or decision.late_fail


def as_json(decision: Decision) -> str:
    """One JSON object."""
    channels = [c.model_dump(mode="json", exclude_none=True) for c in decision.channels]
    return json.dumps(
        {
            "part_id": decision.part_id,
            "verdict": decision.verdict,
            "action": decision.action,
            "reason": decision.reason,
            "latency_ms": round(decision.latency_ms, 3),
            "channels": channels,
        }
    )


def _seen(channel: ChannelVerdict) -> str:
    """What a channel said: label and score, or a value with its interval."""
    if channel.score is None:
        return f"{channel.channel} -"
    said = f"{channel.channel} {channel.label} {channel.score:.3f}"
    if channel.interval is None:
        return said
    low, high = channel.interval
    return f"{said} ({low:.3f} to {high:.3f})"


DRIVER = OutputDriver(ConsoleTable, Console)
