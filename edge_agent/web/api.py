"""The operations of the page's API: one row each, which makes its route and its document."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from edge_agent.web.access import COOKIE, Access, Caller, RefusedError
from edge_agent.web.api_models import (
    Done,
    History,
    LineView,
    Login,
    MissedDefect,
    PartRow,
    StopPassing,
    SystemView,
    Who,
)
from edge_agent.web.board import REMEMBERED, Board
from edge_agent.web.changes import Changes
from edge_agent.web.config import WebTable
from edge_agent.web.live import BOUNDARY, Live
from edge_agent.web.sessions import LockOut, Sessions
from edge_agent.web.system import Machine
from edge_agent.web.users import Role, UserFile

CSV_COLUMNS = list(PartRow.model_fields)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet."""


@dataclass(frozen=True)
class Operation:
    """One row. role: None for everybody; body: what it takes; answer: a model or a media type."""

    name: str
    method: str
    path: str
    role: Role | None
    summary: str
    run: Callable[..., BaseModel | Response]
    answer: type[BaseModel] | str
    body: type[BaseModel] | None = None


@dataclass(frozen=True)
class Rooms:
    """What the operations work on."""

    table: WebTable
    board: Board
    changes: Changes
    machine: Machine
    live: Live
    users: UserFile
    sessions: Sessions
    lock_out: LockOut
    access: Access


class Api:
    """Handlers: (request, caller, body) -> a model or a response. Called in worker threads."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def operations(self) -> list[Operation]:
        """Every operation."""
        viewer, operator, engineer = Role.VIEWER, Role.OPERATOR, Role.ENGINEER
        multipart = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return [
            Operation("whoAmI", "GET", "/api/me", viewer, "Who asks", self.me, Who),
            Operation("logIn", "POST", "/api/login", None, "Begin a session", self.login,
                      Done, Login),
            Operation("logOut", "POST", "/api/logout", viewer, "End the session", self.logout,
                      Done),
            Operation("line", "GET", "/api/line", viewer, "The line now", self.line, LineView),
            Operation("lineEvents", "GET", "/api/events", viewer, "The line whenever it changes",
                      self.events, "text/event-stream"),
            Operation("livePicture", "GET", "/api/live/{channel}", viewer, "Live pictures of a "
                      "channel; ?heat=0 without heat map", self.picture_stream, multipart),
            Operation("picture", "GET", "/api/picture/{channel}", viewer, "The last picture of a "
                      "channel; ?heat=0 without heat map", self.picture, "image/jpeg"),
            Operation("history", "GET", "/api/history", viewer, "The last parts; ?limit=200",
                      self.history, History),
            Operation("historyCsv", "GET", "/api/history.csv", viewer, "The last parts as CSV",
                      self.history_csv, "text/csv"),
            Operation("system", "GET", "/api/system", engineer, "The machine", self.system,
                      SystemView),
            Operation("setPassing", "POST", "/api/passing", operator, "Stop passing, or let parts "
                      "pass again", self.passing, Done, StopPassing),
            Operation("missedDefect", "POST", "/api/missed-defect", operator, "A part is bad that "
                      "was not rejected", self.missed_defect, Done, MissedDefect),
        ]  # fmt: skip

    def me(self, request: Request, caller: Caller, body: None) -> Who:
        """Who asks, and the token for changes."""
        csrf = caller.session.csrf if caller.session else ""
        has_users = self._rooms.access.has_users
        return Who(name=caller.name, role=caller.role, csrf=csrf, users_configured=has_users)

    def login(self, request: Request, caller: None, body: Login) -> Response:
        """A new session under a new id; raises RefusedError."""
        rooms = self._rooms
        address = request.client.host if request.client else ""
        wait_s = rooms.lock_out.wait_s(body.name, address)
        if wait_s:
            raise RefusedError(
                429, "too many wrong passwords", cure=f"wait {wait_s} s", wait_s=wait_s
            )
        # Counted before the check: many tries at the same time are as many.
        rooms.lock_out.fail(body.name, address)
        if rooms.users.check(body.name, body.password) is None:
            raise RefusedError(401, "name or password is wrong", cure="try again")
        rooms.lock_out.succeed(body.name, address)
        new_id, _ = rooms.sessions.begin(body.name, request.cookies.get(COOKIE, ""))
        response = _json(Done())
        response.set_cookie(
            COOKIE,
            new_id,
            httponly=True,
            samesite="strict",
            secure=rooms.table.tls_cert is not None,
            path="/",
        )
        return response

    def logout(self, request: Request, caller: Caller, body: None) -> Response:
        """End the session."""
        self._rooms.sessions.end(request.cookies.get(COOKIE, ""))
        response = _json(Done())
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    def line(self, request: Request, caller: Caller, body: None) -> LineView:
        """The line now."""
        return self._rooms.board.view()

    def events(self, request: Request, caller: Caller, body: None) -> Response:
        """The line whenever it changes."""
        self._rooms.live.refuse_when_full()
        events = self._rooms.live.events(self._goes_on(request))
        return StreamingResponse(events, media_type="text/event-stream")

    def picture_stream(self, request: Request, caller: Caller, body: None) -> Response:
        """Live pictures of a channel."""
        self._rooms.live.refuse_when_full()
        channel = self._channel(request)
        pictures = self._rooms.live.pictures(channel, _heat(request), self._goes_on(request))
        return StreamingResponse(
            pictures, media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        )

    def picture(self, request: Request, caller: Caller, body: None) -> Response:
        """The last picture of a channel."""
        channel = self._channel(request)
        found = self._rooms.board.pictures.jpeg(channel, heat=_heat(request))
        if found is None:
            raise RefusedError(404, "no picture of this channel yet")
        return Response(found[1], media_type="image/jpeg")

    def history(self, request: Request, caller: Caller, body: None) -> History:
        """The last parts."""
        text = request.query_params.get("limit", "200")
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= REMEMBERED):
            raise RefusedError(400, "limit is no number of parts", cure=f"give 1 to {REMEMBERED}")
        return History(parts=self._rooms.board.history(int(text)))

    def history_csv(self, request: Request, caller: Caller, body: None) -> Response:
        """The last parts as CSV (RFC 4180); no cell is a formula."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(CSV_COLUMNS)
        for row in self._rooms.board.history(REMEMBERED):
            writer.writerow(_cell(value) for value in row.model_dump(mode="json").values())
        name = 'attachment; filename="verdicts.csv"'
        headers = {"Content-Disposition": name}
        return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

    def system(self, request: Request, caller: Caller, body: None) -> SystemView:
        """The machine."""
        return self._rooms.machine.view()

    def passing(self, request: Request, caller: Caller, body: StopPassing) -> Done:
        """Stop passing, or let parts pass again."""
        self._rooms.changes.set_passing(caller.name, body)
        return Done()

    def missed_defect(self, request: Request, caller: Caller, body: MissedDefect) -> Done:
        """A part is bad that was not rejected."""
        self._rooms.changes.report_missed(caller.name, body)
        return Done()

    def _channel(self, request: Request) -> str:
        name = str(request.path_params["channel"])
        if name not in self._rooms.board.channels:
            raise RefusedError(404, "there is no such channel")
        return name

    def _goes_on(self, request: Request) -> Callable[[], bool]:
        """Whether the caller still may see the stream: a session that ended ends it."""

        def asked() -> bool:
            try:
                self._rooms.access.admit(request, Role.VIEWER, touch=False)
            except RefusedError:
                return False
            return True

        return asked


def _heat(request: Request) -> bool:
    return request.query_params.get("heat", "1") != "0"


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
