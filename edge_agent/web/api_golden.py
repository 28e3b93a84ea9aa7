"""The screen Golden parts."""

from __future__ import annotations

from starlette.requests import Request

from edge_agent.web.access import Caller
from edge_agent.web.api_models import Done
from edge_agent.web.golden_parts import GoldenAsked, GoldenRelease, GoldenView
from edge_agent.web.operation import Operation
from edge_agent.web.rooms import Rooms
from edge_agent.web.users import Role


class GoldenApi:
    """The operations of the screen Golden parts."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def operations(self) -> list[Operation]:
        """A row for each."""
        return [
            Operation("goldenParts", "GET", "/api/golden", Role.VIEWER, "Golden parts: due, last, "
                      "and the check that runs", self.view, GoldenView),
            Operation("checkGoldenParts", "POST", "/api/golden/check", Role.OPERATOR,
                      "The next parts are golden", self.check, Done, GoldenAsked),
            Operation("releaseGoldenParts", "POST", "/api/golden/release", Role.QUALITY,
                      "Let parts pass again without golden parts", self.release, Done,
                      GoldenRelease),
        ]  # fmt: skip

    def view(self, request: Request, caller: Caller, taken: None) -> GoldenView:
        """The state of golden parts."""
        return self._rooms.golden.view(self._rooms.board.reject_labels())

    def check(self, request: Request, caller: Caller, taken: GoldenAsked) -> Done:
        """The next parts are golden."""
        self._rooms.golden.check(caller.name, taken)
        return Done()

    def release(self, request: Request, caller: Caller, taken: GoldenRelease) -> Done:
        """Let parts pass again."""
        self._rooms.golden.release(caller.name, taken)
        self._rooms.board.changed()
        return Done()
