"""What the page shows of the line: the listener that counts parts for it."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice, takewhile

import numpy as np

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.health import HealthMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.web.api_models import LineView, PartRow, PictureRow
from edge_agent.web.causes import cause_of, label_of, reason_of
from edge_agent.web.in_use import InUse
from edge_agent.web.lights import lights_of
from edge_agent.web.pictures import Pictures

STRIP = 60
REMEMBERED = 2000
"""Parts of the history page."""
RATE_S = 60.0
"""Parts per minute are those of this time."""


class Board:
    """Takes the station's messages; gives views of them. Any thread may call it.

    stopped_by: gives who stopped passing, or nothing.
    """

    def __init__(
        self,
        station: str,
        channels: Sequence[str],
        *,
        clock: Clock,
        pictures: Pictures | None = None,
        stopped_by: Callable[[], str] = str,
    ) -> None:
        self.pictures = pictures or Pictures()
        self.station = station
        self.channels = tuple(channels)
        self._clock = clock
        self._stopped_by = stopped_by
        self._lock = threading.Lock()
        self._changes = 0
        self._parts: deque[PartRow] = deque(maxlen=REMEMBERED)
        self._counts: Counter[str] = Counter()
        self._rejects: Counter[str] = Counter()
        self._causes: Counter[str] = Counter()
        self._state = "disarmed"
        self._reason = "starting"
        self._health: HealthMessage | None = None
        self._in_use = InUse()
        self._deadline_ms: float | None = None

    @property
    def version(self) -> int:
        """Grows with everything that changes the view."""
        return self._changes + self.pictures.version

    def publish(self, message: Outbound) -> None:
        """Take a message of the station."""
        with self._lock:
            if isinstance(message, VerdictMessage):
                self._take_verdict(message)
            elif isinstance(message, StateMessage):
                self._state, self._reason = message.state, message.reason
                if message.bundles:
                    self._in_use = InUse(message.bundles, message.runtimes)
            elif isinstance(message, HealthMessage):
                self._health = message
            self._changes += 1

    def changed(self) -> None:
        """Something beside the messages changed, such as who stopped passing."""
        with self._lock:
            self._changes += 1

    def part(self, part_id: str, number: int | None = None) -> PartRow | None:
        """The newest remembered part of that name, or the one of that number."""
        with self._lock:
            return next(
                (
                    row
                    for row in reversed(self._parts)
                    if row.part_id == part_id and number in (None, row.number)
                ),
                None,
            )

    def in_use(self) -> InUse:
        """What judges each channel, as the station last told."""
        with self._lock:
            return self._in_use

    def reject_labels(self) -> list[str]:
        """Labels of rejects, the most frequent first."""
        with self._lock:
            return [label for label, _ in self._rejects.most_common() if label != "-"]

    def mark_reported(self, number: int) -> None:
        """Show that a missed defect of this part was reported."""
        with self._lock:
            for place, row in enumerate(self._parts):
                if row.number == number:
                    self._parts[place] = replace(row, reported=True)
            self._changes += 1

    def history(self, limit: int) -> list[PartRow]:
        """The last parts, the newest first."""
        with self._lock:
            return list(self._parts)[-limit:][::-1]

    def view(self) -> LineView:
        """Everything of the screen Line, of one moment."""
        with self._lock:
            p50, p95 = self._latencies_ms()
            return LineView(
                station=self.station,
                version=self.version,
                now_ns=self._clock.utc_ns(),
                state=self._state,
                reason=self._reason,
                stopped_by=self._stopped_by(),
                counts={v.value: self._counts[v.value] for v in Verdict},
                rejects=dict(self._rejects.most_common(8)),
                no_verdicts=dict(self._causes.most_common(8)),
                parts_per_min=self._rate(),
                p50_ms=p50,
                p95_ms=p95,
                deadline_ms=self._deadline_ms,
                parts=list(islice(self._parts, max(0, len(self._parts) - STRIP), None)),
                pictures=[
                    PictureRow(
                        channel=one.channel,
                        part_id=one.part_id,
                        verdict=one.verdict,
                        at_ns=one.at_ns,
                        version=one.version,
                        has_heat=one.heat is not None,
                    )
                    for one in self.pictures.newest()
                ],
                lights=lights_of(self._state, self._reason, self._health, self.channels),
            )

    def _take_verdict(self, message: VerdictMessage) -> None:
        cause, label = cause_of(message), label_of(message)
        self._deadline_ms = message.deadline_ms
        self._counts[message.verdict.value] += 1
        self._rejects[label or "-"] += message.verdict == Verdict.FAIL
        if message.verdict == Verdict.NO_VERDICT:
            self._causes[cause] += 1
        self._parts.append(
            PartRow(
                number=self._counts.total(),
                part_id=message.part_id,
                verdict=message.verdict,
                action=message.action,
                cause=cause,
                label=label,
                reason=reason_of(message),
                latency_ms=message.latency_ms,
                at_ns=message.at_ns,
            )
        )
        self._rejects += Counter()

    def _rate(self) -> float:
        since_ns = self._clock.utc_ns() - round(RATE_S * 1e9)
        recent = takewhile(lambda row: row.at_ns >= since_ns, reversed(self._parts))
        return sum(1 for _ in recent) * 60 / RATE_S

    def _latencies_ms(self) -> tuple[float | None, float | None]:
        """The middle one and the 95th percentile (numpy's own loads 2 MB of masked arrays)."""
        count = len(self._parts)
        if not count:
            return None, None
        ordered = np.sort(np.fromiter((row.latency_ms for row in self._parts), float, count))
        p50, p95 = np.interp([0.5 * (count - 1), 0.95 * (count - 1)], np.arange(count), ordered)
        return float(p50), float(p95)
