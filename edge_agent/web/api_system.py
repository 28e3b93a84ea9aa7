"""The screen System: the machine below the station."""

from __future__ import annotations

from starlette.requests import Request

from edge_agent.web.access import Caller
from edge_agent.web.api_models import SystemView
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
        ]  # fmt: skip

    def system(self, request: Request, caller: Caller, taken: None) -> SystemView:
        """The machine."""
        return self._rooms.machine.view()
