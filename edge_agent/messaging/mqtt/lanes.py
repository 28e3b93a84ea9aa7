"""Which rows of the outbox are read next: no I/O.

Rows that are new on a connection are live and go first; those that lay there when it began are the
backlog, for which there is what room is left. In both, results come before telemetry.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from edge_agent.messaging.outbox_reader import Page
from edge_agent.messaging.outbox_tables import TELEMETRY_STREAMS
from edge_agent.messaging.row import Row

STEP = 5000
"""Ids of the backlog that one read looks through: a stream that is rare there must not make one
read last."""


@dataclass(frozen=True)
class Span:
    """The ids from begin + 1 to until."""

    begin: int
    until: int


@dataclass(frozen=True)
class Query:
    """One read: rows after `begin` (to `until`), of the streams `only`, or of all but `without`.

    span: the part of the backlog that it belongs to; resumed: the stream whose rows are caught up.
    """

    begin: int
    until: int | None = None
    only: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    resumed: str = ""

    @property
    def is_live(self) -> bool:
        """Whether it asks for what is new."""
        return self.until is None


@dataclass
class Lane:
    """One lane of the outbox. streams: its own, None for all that are not telemetry.

    live: rows up to this id were read, but for those of `backlog` and `skipped`. ahead,
    ahead_backlog: rows that were read and not sent yet. put_back: ids of rows that were read, and
    wait for the end of a pause to be read again; whoever held them takes the ids.
    """

    streams: tuple[str, ...] | None
    live: int = 0
    backlog: deque[Span] = field(default_factory=deque)
    ahead: deque[Row] = field(default_factory=deque)
    ahead_backlog: deque[Row] = field(default_factory=deque)
    put_back: list[int] = field(default_factory=list)
    skipped: dict[str, list[Span]] = field(default_factory=dict)
    resumed: dict[str, list[Span]] = field(default_factory=dict)

    def connected(self, newest: int) -> None:
        """A connection begins: what is on disk and unread is backlog. newest: the highest id."""
        self.ahead_backlog.extend(self.ahead)
        self.ahead.clear()
        if newest > self.live:
            self.backlog.append(Span(self.live, newest))
            self.live = newest

    def live_query(self) -> Query | None:
        """What is new; None where all streams of the lane are paused."""
        return self._query(self.live, None)

    def backlog_query(self) -> Query | None:
        """The next piece of the backlog: streams that were paused, then the oldest rows."""
        for stream, spans in self.resumed.items():
            span = spans[0]
            until = min(span.until, span.begin + STEP)
            return Query(span.begin, until, only=(stream,), resumed=stream)
        if not self.backlog:
            return None
        span = self.backlog[0]
        return self._query(span.begin, min(span.until, span.begin + STEP))

    def took(self, query: Query, page: Page) -> None:
        """A read is done: its rows wait to be sent, and reading goes on behind it."""
        if query.is_live:
            self._skip(query.begin, page.end)
            self.ahead.extend(page.rows)
            self.live = max(self.live, page.end)
            return
        self.ahead_backlog.extend(page.rows)
        end = page.end if page.full else max(page.end, query.until or 0)
        if query.resumed:
            spans = self.resumed[query.resumed]
            _advance(spans, end)
            if not spans:
                del self.resumed[query.resumed]
            return
        self._skip(query.begin, end)
        _advance(self.backlog, end)

    def pause(self, stream: str) -> None:
        """Read this stream no more; what was read ahead of it is read again after the pause."""
        spans = self.skipped.setdefault(stream, [])
        spans += self.resumed.pop(stream, [])
        for waiting in (self.ahead, self.ahead_backlog):
            ids = [row.id for row in waiting if row.stream == stream]
            if ids:
                spans.append(Span(min(ids) - 1, max(ids)))
                self.put_back += ids
                others = [row for row in waiting if row.stream != stream]
                waiting.clear()
                waiting.extend(others)

    def resume(self, stream: str) -> None:
        """Read it again, first what was skipped."""
        spans = self.skipped.pop(stream, [])
        if spans:
            self.resumed[stream] = sorted(spans, key=lambda span: span.begin)

    def _query(self, begin: int, until: int | None) -> Query | None:
        paused = tuple(self.skipped)
        if self.streams is None:
            return Query(begin, until, without=(*TELEMETRY_STREAMS, *paused))
        only = tuple(name for name in self.streams if name not in paused)
        return Query(begin, until, only=only) if only else None

    def _skip(self, begin: int, end: int) -> None:
        """Rows of paused streams between these ids were passed over."""
        if end <= begin:
            return
        for spans in self.skipped.values():
            if spans and spans[-1].until == begin:
                spans[-1] = Span(spans[-1].begin, end)
            else:
                spans.append(Span(begin, end))


def _advance(spans: deque[Span] | list[Span], end: int) -> None:
    """The first span is read up to `end`."""
    first = spans[0]
    if end >= first.until:
        del spans[0]
    else:
        spans[0] = Span(max(first.begin, end), first.until)


def lane_of(stream: str, lanes: tuple[Lane, Lane]) -> Lane:
    """The lane of a stream; one that this version does not know is a result."""
    results, telemetry = lanes
    return telemetry if stream in TELEMETRY_STREAMS else results
