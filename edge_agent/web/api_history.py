"""The screen History: the last parts, also as a table to download."""

from __future__ import annotations

import csv
import io

from starlette.requests import Request
from starlette.responses import Response

from edge_agent.web.access import Caller
from edge_agent.web.api_models import History, Limit, PartRow
from edge_agent.web.board import REMEMBERED
from edge_agent.web.operation import Operation
from edge_agent.web.rooms import Rooms
from edge_agent.web.users import Role

CSV_COLUMNS = list(PartRow.model_fields)
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
            Operation("historyCsv", "GET", "/api/history.csv", viewer, "The last parts as CSV",
                      self.history_csv, "text/csv"),
        ]  # fmt: skip

    def history(self, request: Request, caller: Caller, taken: Limit) -> History:
        """The last parts."""
        return History(parts=self._rooms.board.history(taken.limit))

    def history_csv(self, request: Request, caller: Caller, taken: None) -> Response:
        """The last parts as CSV (RFC 4180); no cell is a formula."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(CSV_COLUMNS)
        for row in self._rooms.board.history(REMEMBERED):
            writer.writerow(_cell(value) for value in row.model_dump(mode="json").values())
        name = 'attachment; filename="verdicts.csv"'
        headers = {"Content-Disposition": name}
        return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
