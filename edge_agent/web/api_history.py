"""The screen History: what the last weeks were like, and the last parts as a table."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from datetime import UTC, datetime
from itertools import chain

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from edge_agent.web.access import Caller
from edge_agent.web.api_models import History, Limit
from edge_agent.web.charts import buckets, mean_share, pareto
from edge_agent.web.history_models import BucketView, ChartView, ParetoView, Span
from edge_agent.web.operation import Operation
from edge_agent.web.part_store import StoredPart
from edge_agent.web.rooms import Rooms
from edge_agent.web.users import Role

CSV_COLUMNS = [field.name for field in fields(StoredPart)]
MOST_ROWS = 1_000_000
MOST_BUCKETS = 100
MINUTE_NS = 60_000_000_000
HOUR_NS = 60 * MINUTE_NS
PIECES_NS = tuple(MINUTE_NS * m for m in (1, 5, 15, 30, 60, 120, 240, 480, 1440, 10_080))
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet."""


class HistoryApi:
    """The operations of the screen History."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def operations(self) -> list[Operation]:
        """A row for each."""
        viewer = Role.VIEWER
        return [
            Operation("history", "GET", "/api/history", viewer, "The last parts", self.history,
                      History, Limit),
            Operation("charts", "GET", "/api/history/charts", viewer, "Yield, p-chart, Pareto and "
                      "trends", self.charts, ChartView, Span),
            Operation("historyCsv", "GET", "/api/history.csv", viewer, "The parts of the last "
                      "hours as CSV", self.history_csv, "text/csv", Span),
        ]  # fmt: skip

    def history(self, request: Request, caller: Caller, taken: Limit) -> History:
        """The last parts."""
        return History(parts=self._rooms.board.history(taken.limit))

    def charts(self, request: Request, caller: Caller, taken: Span) -> ChartView:
        """Yield, p-chart, Pareto and trends."""
        until_ns = self._rooms.clock.utc_ns()
        since_ns = max(0, until_ns - round(taken.hours * HOUR_NS))
        bucket_ns = _bucket_ns(taken.hours)
        counts = self._rooms.quality.parts.counts(since_ns, bucket_ns)
        found = buckets(counts, since_ns, until_ns, bucket_ns)
        no_verdicts: Counter[str] = Counter()
        for one in counts:
            no_verdicts[one.cause] += one.parts * (one.verdict == "NO-VERDICT")
        return ChartView(
            bucket_s=bucket_ns // 1_000_000_000,
            passed=sum(one.passed for one in found),
            failed=sum(one.failed for one in found),
            no_verdict=sum(one.no_verdict for one in found),
            mean=mean_share(found),
            buckets=[BucketView(**asdict(one)) for one in found],
            pareto=[ParetoView(**asdict(one)) for one in pareto(counts)],
            no_verdicts={cause: count for cause, count in no_verdicts.most_common() if count},
        )

    def history_csv(self, request: Request, caller: Caller, taken: Span) -> Response:
        """The parts of the last hours as CSV (RFC 4180), the newest first; no cell is a formula."""
        since_ns = max(0, self._rooms.clock.utc_ns() - round(taken.hours * HOUR_NS))
        parts = self._rooms.quality.parts.parts(since_ns, MOST_ROWS)
        # A store that cannot be read is told before the answer begins.
        first = next(parts, [])
        name = 'attachment; filename="verdicts.csv"'
        headers = {"Content-Disposition": name}
        return StreamingResponse(
            _csv(chain([first], parts)), media_type="text/csv; charset=utf-8", headers=headers
        )


def _bucket_ns(hours: float) -> int:
    """The shortest piece of time that gives at most about a hundred of them."""
    return next(
        (piece for piece in PIECES_NS if hours * HOUR_NS / piece <= MOST_BUCKETS), PIECES_NS[-1]
    )


def _csv(pages: Iterable[list[StoredPart]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["time_utc", *CSV_COLUMNS])
    for page in pages:
        for part in page:
            moment = datetime.fromtimestamp(part.at_ns / 1e9, UTC).isoformat(
                timespec="milliseconds"
            )
            writer.writerow([moment, *(_cell(getattr(part, name)) for name in CSV_COLUMNS)])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
