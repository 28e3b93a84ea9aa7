"""The screen Updates."""

from __future__ import annotations

from starlette.requests import Request

from edge_agent.web.access import Caller
from edge_agent.web.api_models import Done
from edge_agent.web.operation import Operation
from edge_agent.web.rooms import Rooms
from edge_agent.web.updates import CandidateAsked, SwitchAsked, UpdatesView
from edge_agent.web.users import Role


class UpdatesApi:
    """The operations of the screen Updates."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def operations(self) -> list[Operation]:
        """A row for each."""
        return [
            Operation("updates", "GET", "/api/updates", Role.VIEWER, "Bundles in use and their "
                      "slots", self.view, UpdatesView),
            Operation("switchBundle", "POST", "/api/updates/switch", Role.ENGINEER, "Roll a bundle "
                      "back, or promote the newer one", self.switch, Done, SwitchAsked),
            Operation("decideCandidate", "POST", "/api/updates/candidate", Role.ENGINEER,
                      "Promote the candidate that waits, or give it up", self.decide, Done,
                      CandidateAsked),
        ]  # fmt: skip

    def view(self, request: Request, caller: Caller, taken: None) -> UpdatesView:
        """Bundles in use and their slots."""
        return self._rooms.updates.view()

    def switch(self, request: Request, caller: Caller, taken: SwitchAsked) -> Done:
        """Make the other version current."""
        self._rooms.updates.switch(caller.name, taken)
        return Done()

    def decide(self, request: Request, caller: Caller, taken: CandidateAsked) -> Done:
        """Promote the candidate, or give it up."""
        self._rooms.updates.decide(caller.name, taken)
        return Done()
