"""Reads the rows that are sent next, lane by lane, and reports a damaged file to the outbox."""

from __future__ import annotations

import time

from edge_agent.messaging.mqtt.delivery import Delivery
from edge_agent.messaging.mqtt.lanes import Lane, Query
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.row import Row
from edge_agent.messaging.sqlite_faults import StoreDamagedError

READ_AHEAD = 500
"""Rows of one read: each read waits for the interpreter, which the line's threads need too."""

LOOK_S = 0.1
"""Rows are looked for so often although nobody says that there are new ones."""


class RowSource:
    """Owned by the sender's thread, but for wake(). more: there is more to look through at once."""

    def __init__(self, outbox: Outbox, delivery: Delivery) -> None:
        self.more = False
        self._outbox = outbox
        self._delivery = delivery
        self._reader = outbox.reader()
        self._new_rows = True
        self._look_s = 0.0

    def wake(self) -> None:
        """Rows may have been committed; any thread may say so."""
        self._new_rows = True

    def newest(self) -> int:
        """The highest id on disk; raises StoreDamagedError, which the outbox is told of."""
        try:
            return self._reader.newest()
        except StoreDamagedError as error:
            self._outbox.report_damage(error)
            raise

    def all_sent(self) -> bool:
        """Whether nothing waits but telemetry to which nobody subscribes."""
        unheard = self._delivery.unheard
        if self._delivery.under_way:
            return False
        try:
            # Counted before the others: what is put in between must not hide a result.
            useless = self._reader.waiting(unheard) if unheard else 0
        except StoreDamagedError as error:
            self._outbox.report_damage(error)
            return False
        return self._outbox.waiting <= useless

    def close(self) -> None:
        """Close the connection to the file."""
        self._reader.close()

    def rows(self, numbers: list[int]) -> list[Row]:
        """The rows of these ids; where the file is damaged they are read again later."""
        try:
            return self._reader.rows(numbers)
        except StoreDamagedError as error:
            self._outbox.report_damage(error)
            self._delivery.again.extend(numbers)
            return []

    def read_live(self) -> None:
        """Put rows that were committed since the last look into the lanes; let go of those that
        were put back.
        """
        for lane in self._delivery.lanes:
            if lane.put_back:
                self._outbox.release(lane.put_back)
                lane.put_back.clear()
        now_s = time.monotonic()
        if not self._new_rows and now_s < self._look_s:
            return
        self._new_rows, self._look_s = False, now_s + LOOK_S
        for lane in self._delivery.lanes:
            query = None if lane.ahead else lane.live_query()
            if lane.ahead or (query is not None and self._page(lane, query)):
                self._new_rows = True

    def read_backlog(self, lane: Lane) -> None:
        """Put the next piece of the backlog into a lane whose last one was sent."""
        if lane.ahead_backlog:
            return
        query = lane.backlog_query()
        if query is not None:
            self._page(lane, query)
            self.more = True

    def _page(self, lane: Lane, query: Query) -> bool:
        """Read one page; returns whether there may be more."""
        try:
            with self._outbox.reading:
                page = self._reader.after(
                    query.begin,
                    READ_AHEAD,
                    until=query.until,
                    only=query.only,
                    without=query.without,
                )
                self._outbox.hold(page.rows)
        except StoreDamagedError as error:
            self._outbox.report_damage(error)
            return False
        lane.took(query, page)
        return page.full
