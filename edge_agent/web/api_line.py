"""The screen Line: what happens now, and the operator's two buttons."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from edge_agent.web.access import Caller, RefusedError
from edge_agent.web.api_models import Done, Heat, LineView, MissedDefect, Reported, StopPassing
from edge_agent.web.live import BOUNDARY
from edge_agent.web.operation import Operation
from edge_agent.web.rooms import Rooms
from edge_agent.web.users import Role

MULTIPART = f"multipart/x-mixed-replace; boundary={BOUNDARY}"


class LineApi:
    """The operations of the screen Line."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def operations(self) -> list[Operation]:
        """A row for each."""
        viewer, operator = Role.VIEWER, Role.OPERATOR
        return [
            Operation("line", "GET", "/api/line", viewer, "The line now", self.line, LineView),
            Operation("lineEvents", "GET", "/api/events", viewer, "The line whenever it changes",
                      self.events, "text/event-stream"),
            Operation("livePicture", "GET", "/api/live/{channel}", viewer, "Live pictures of a "
                      "channel", self.picture_stream, MULTIPART, Heat),
            Operation("picture", "GET", "/api/picture/{channel}", viewer, "The last picture of a "
                      "channel", self.picture, "image/jpeg", Heat),
            Operation("setPassing", "POST", "/api/passing", operator, "Stop passing, or let parts "
                      "pass again", self.passing, Done, StopPassing),
            Operation("missedDefect", "POST", "/api/missed-defect", operator, "A part is bad that "
                      "was not rejected", self.missed_defect, Reported, MissedDefect),
        ]  # fmt: skip

    def line(self, request: Request, caller: Caller, taken: None) -> LineView:
        """The line now."""
        return self._rooms.board.view()

    def events(self, request: Request, caller: Caller, taken: None) -> Response:
        """The line whenever it changes."""
        self._rooms.live.refuse_when_full()
        events = self._rooms.live.events(self._goes_on(request))
        return StreamingResponse(events, media_type="text/event-stream")

    def picture_stream(self, request: Request, caller: Caller, taken: Heat) -> Response:
        """Live pictures of a channel."""
        self._rooms.live.refuse_when_full()
        channel = self._channel(request)
        pictures = self._rooms.live.pictures(channel, taken.heat, self._goes_on(request))
        return StreamingResponse(pictures, media_type=MULTIPART)

    def picture(self, request: Request, caller: Caller, taken: Heat) -> Response:
        """The last picture of a channel."""
        channel = self._channel(request)
        found = self._rooms.board.pictures.jpeg(channel, heat=taken.heat)
        if found is None:
            raise RefusedError(404, "no picture of this channel yet")
        return Response(found[1], media_type="image/jpeg")

    def passing(self, request: Request, caller: Caller, taken: StopPassing) -> Done:
        """Stop passing, or let parts pass again."""
        self._rooms.changes.set_passing(caller.name, taken)
        return Done()

    def missed_defect(self, request: Request, caller: Caller, taken: MissedDefect) -> Reported:
        """A part is bad that was not rejected."""
        return Reported(kept=self._rooms.changes.report_missed(caller.name, taken))

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
