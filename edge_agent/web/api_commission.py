"""The screen Commission, where the station is set up."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel
from starlette.requests import Request

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.web.access import Caller, RefusedError
from edge_agent.web.api_models import Done
from edge_agent.web.commission import (
    Choice,
    Commissioner,
    CommissionView,
    Devices,
    FieldFaults,
    Forms,
    Learn,
    Live,
    Press,
    Pressed,
    TriggerTest,
)
from edge_agent.web.operation import Operation
from edge_agent.web.rooms import Rooms
from edge_agent.web.users import Role

PATH = "/api/commission"


class CommissionApi:
    """The operations of the screen Commission; none where the station is at work."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def operations(self) -> list[Operation]:
        """A row for each."""
        doing = self._rooms.inside.commissioner
        if doing is None:
            return []
        rows = (
            ("commission", "GET", "", "The state of commissioning", CommissionView, None,
             lambda do, who, taken: do.view()),
            ("commissionDevices", "GET", "/devices", "The cameras of this machine", Devices, None,
             lambda do, who, taken: do.devices()),
            ("commissionForms", "GET", "/forms", "The settings of every driver", Forms, None,
             lambda do, who, taken: do.forms()),
            ("commissionCheck", "POST", "/check", "What is wrong with a choice, by its settings",
             FieldFaults, Choice, lambda do, who, taken: do.check(taken)),
            ("commissionChoose", "POST", "/choice", "Choose bundle, camera, trigger and output",
             Done, Choice, lambda do, who, taken: do.choose(taken)),
            ("commissionLive", "POST", "/live", "Show the camera's picture, or release it", Done,
             Live, lambda do, who, taken: do.live(taken.on)),
            ("commissionTrigger", "POST", "/trigger", "Wait for a part at the trigger",
             TriggerTest, None, lambda do, who, taken: do.try_trigger()),
            ("commissionOutput", "POST", "/output", "Move the output once", Pressed, Press,
             lambda do, who, taken: do.press(who, taken.action)),
            ("commissionLearn", "POST", "/learn", "Learn what good parts look like", Done, Learn,
             lambda do, who, taken: do.learn(taken.parts)),
            ("commissionWrite", "POST", "/write", "Write station.toml", Done, None,
             lambda do, who, taken: do.write(who)),
            ("commissionUndo", "POST", "/undo", "Write the station.toml of before", Done, None,
             lambda do, who, taken: do.undo(who)),
            ("commissionStart", "POST", "/start", "End commissioning and start the line", Done,
             None, lambda do, who, taken: do.start(who)),
        )  # fmt: skip
        return [
            Operation(name, method, PATH + path, Role.ENGINEER, summary, _run(doing, act),
                      answer, takes)
            for name, method, path, summary, answer, takes, act in rows
        ]  # fmt: skip


Act = Callable[[Commissioner, str, object], BaseModel | None]


def _run(doing: Commissioner, act: Act) -> Callable[[Request, Caller, object], BaseModel]:
    """What is wrong with a device or a file is the integrator's to mend: it is told whole."""

    def run(request: Request, caller: Caller, taken: object) -> BaseModel:
        try:
            return act(doing, caller.name, taken) or Done()
        except RefusedError:
            raise
        except LinesideError as error:
            where = f"{error.where}: " if error.where else ""
            raise RefusedError(409, f"{where}{error.what}", cure=error.cure) from error

    return run
