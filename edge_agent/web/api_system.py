"""The screen System: the machine below the station."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from edge_agent.web.access import Caller
from edge_agent.web.api_models import BoardCheck, BoardView, SystemView
from edge_agent.web.diagnostics import diagnostics
from edge_agent.web.operation import Operation
from edge_agent.web.rooms import Rooms
from edge_agent.web.users import Role


class SystemApi:
    """The operations of the screen System."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def operations(self) -> list[Operation]:
        """A row for each."""
        return [
            Operation("system", "GET", "/api/system", Role.ENGINEER, "The machine", self.system,
                      SystemView),
            Operation("board", "GET", "/api/system/board", Role.ENGINEER, "The checks of "
                      "`lineside-agent doctor`", self.board, BoardView),
            Operation("diagnostics", "GET", "/api/system/diagnostics", Role.ENGINEER,
                      "A ZIP for support, without secrets and pictures", self.diagnostics,
                      "application/zip"),
        ]  # fmt: skip

    def system(self, request: Request, caller: Caller, taken: None) -> SystemView:
        """The machine."""
        return self._rooms.machine.view()

    def board(self, request: Request, caller: Caller, taken: None) -> BoardView:
        """The checks of the board."""
        rows = [BoardCheck.model_validate(result.row()) for result in self._rooms.inside.board()]
        return BoardView(checks=rows)

    def diagnostics(self, request: Request, caller: Caller, taken: None) -> Response:
        """The file for support."""
        rooms = self._rooms
        payload = diagnostics(rooms.inside, rooms.machine.view(), rooms.board.view())
        headers = {"Content-Disposition": 'attachment; filename="diagnostics.zip"'}
        return Response(payload, media_type="application/zip", headers=headers)
