"""Each screen brings its operations, and none hides another one."""

from __future__ import annotations

from edge_agent.web.api import operations
from edge_agent.web.api_history import HistoryApi
from edge_agent.web.api_line import LineApi
from edge_agent.web.api_session import SessionApi
from edge_agent.web.api_system import SystemApi
from edge_agent.web.operation import json_response
from edge_agent.web.rooms import Rooms
from tests.page_kit import PageKit


def test_every_screen_brings_its_operations_and_none_hides_another(kit: PageKit) -> None:
    rows = operations(kit.page.rooms)
    assert len({row.name for row in rows}) == len({(r.method, r.path) for r in rows}) == len(rows)
    for screen in (SessionApi, LineApi, HistoryApi, SystemApi):
        names = {row.name for row in screen(kit.page.rooms).operations()}
        assert names <= {row.name for row in rows}


def test_what_a_get_takes_is_in_its_query(kit: PageKit) -> None:
    assert isinstance(kit.page.rooms, Rooms)
    document = kit.browser().get("/api/openapi.json").json()
    (limit,) = document["paths"]["/api/history"]["get"]["parameters"]
    assert (limit["name"], limit["in"], limit["required"]) == ("limit", "query", False)
    assert limit["schema"]["maximum"] == 2000


def test_a_model_is_answered_as_json(kit: PageKit) -> None:
    answer = json_response(kit.page.rooms.board.view())
    assert answer.media_type == "application/json"
