"""The HTML pages: templates filled with words of the reader's language."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from edge_agent.web.access import Caller, RefusedError
from edge_agent.web.rooms import Rooms
from edge_agent.web.users import Role

HERE = Path(__file__).parent
LANGUAGES = ("en", "zh")
YEAR_S = 365 * 86_400


@dataclass(frozen=True)
class Screen:
    """One page. name: of its template, script and word in the menu; role: the least."""

    path: str
    name: str
    role: Role


SCREENS = (
    Screen("/", "line", Role.VIEWER),
    Screen("/evidence", "evidence", Role.VIEWER),
    Screen("/threshold", "threshold", Role.QUALITY),
    Screen("/history", "history", Role.VIEWER),
    Screen("/golden", "golden", Role.VIEWER),
    Screen("/updates", "updates", Role.VIEWER),
    Screen("/commission", "commission", Role.ENGINEER),
    Screen("/system", "system", Role.ENGINEER),
)
"""In the order of the menu."""


def words() -> dict[str, dict[str, str]]:
    """The words of each language: every file of its folder together."""
    return {
        language: {
            key: word
            for path in sorted((HERE / "words" / language).glob("*.json"))
            for key, word in json.loads(path.read_text("utf-8")).items()
        }
        for language in LANGUAGES
    }


def pages(rooms: Rooms, spoken: dict[str, dict[str, str]]) -> list[Route]:
    """A route for every screen, and for the log-in; spoken: words()."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )
    shown = [one for one in SCREENS if one.name != "commission" or rooms.inside.commissioner]
    environment.globals["menu"] = shown
    by_path = {screen.path: screen for screen in shown}

    def show(request: Request) -> Response:
        screen = by_path.get(request.url.path)
        try:
            caller = rooms.access.caller(request)
        except RefusedError as error:
            return _page(environment, spoken, request, "refused", None, 403, error=str(error))
        if screen is None:
            return _page(environment, spoken, request, "login", caller)
        if caller is None:
            return RedirectResponse("/login", 303)
        if not caller.role.includes(screen.role):
            return _page(environment, spoken, request, "refused", caller, 403, error="")
        return _page(environment, spoken, request, screen.name, caller)

    return [Route(path, show, methods=["GET"]) for path in (*by_path, "/login")]


def _page(
    environment: Environment,
    spoken: dict[str, dict[str, str]],
    request: Request,
    screen: str,
    caller: Caller | None,
    status: int = 200,
    **more: str,
) -> Response:
    asked = request.query_params.get("lang")
    language = asked or request.cookies.get("lang", "")
    language = language if language in LANGUAGES else "en"
    text = environment.get_template(f"{screen}.html").render(
        w=spoken[language],
        language=language,
        screen=screen,
        path=request.url.path,
        caller=caller,
        may=[role.value for role in Role if caller is not None and caller.role.includes(role)],
        role_sees=lambda one: caller is not None and caller.role.includes(one.role),
        **more,
    )
    response = HTMLResponse(text, status)
    if asked in LANGUAGES:
        response.set_cookie("lang", asked, max_age=YEAR_S, samesite="strict", httponly=True)
    return response
