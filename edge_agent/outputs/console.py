"""Verdict lines on a terminal, printed by a thread of their own so that the line never waits."""

from __future__ import annotations

import json
import threading
from collections import deque
from datetime import UTC, datetime
from typing import TextIO

from edge_agent.contracts.wire.messages import ChannelVerdict
from edge_agent.decide.fusion import Decision

KEPT = 1000
"""Lines that may wait for a slow terminal; the oldest are left out."""


class Console:
    """An output (edge_agent.station.station) that writes one line for each decision."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._change = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._print, name="console", daemon=True)
        self._thread.start()

    def __call__(self, decision: Decision) -> None:
        """Queue the decision's line."""
        with self._change:
            self._lines.append(as_text(decision))
            self._change.notify()

    def close(self) -> None:
        """Print what waits."""
        with self._change:
            self._open = False
            self._change.notify()
        self._thread.join(timeout=2)

    def _print(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._lines or not self._open, 1.0)
                lines = list(self._lines)
                self._lines.clear()
            if not lines and not self._open:
                return
            try:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
            except OSError:
                return  # nobody reads any more; the line goes on


def as_text(decision: Decision) -> str:
    """One line: time, verdict, action, part, what each channel saw, latency."""
    now = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
    seen = "; ".join(_seen(channel) for channel in decision.channels)
    reason = f"  ({decision.reason})" if decision.verdict == "NO-VERDICT" else ""
    return (
        f"{now}  {decision.verdict:<10}  {decision.action:<6}  {decision.part_id:<24}  "
        f"{seen}  {decision.latency_ms:.1f} ms{reason}"
    )


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
