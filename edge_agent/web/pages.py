"""The HTML pages: templates filled with words of the reader's language."""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from edge_agent.web.access import Caller, RefusedError
from edge_agent.web.api import Rooms
from edge_agent.web.users import Role

HERE = Path(__file__).parent
LANGUAGES = ("en", "zh")
SCREENS = {"/": "line", "/history": "history", "/system": "system", "/login": "login"}
NEEDED = {"system": Role.ENGINEER}
YEAR_S = 365 * 86_400


def pages(rooms: Rooms) -> list[Route]:
    """A route for every screen."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )
    words = {
        language: json.loads((HERE / "static" / f"words-{language}.json").read_text("utf-8"))
        for language in LANGUAGES
    }

    def show(request: Request) -> Response:
        screen = SCREENS[request.url.path]
        try:
            caller = rooms.access.caller(request)
        except RefusedError as error:
            return _page(environment, words, request, "refused", None, 403, error=str(error))
        if screen == "login":
            return _page(environment, words, request, "login", caller)
        if caller is None:
            return RedirectResponse("/login", 303)
        if not caller.role.includes(NEEDED.get(screen, Role.VIEWER)):
            return _page(environment, words, request, "refused", caller, 403, error="")
        return _page(environment, words, request, screen, caller)

    return [Route(path, show, methods=["GET"]) for path in SCREENS]


def _page(
    environment: Environment,
    words: dict[str, dict[str, str]],
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
        w=words[language],
        language=language,
        screen=screen,
        path=request.url.path,
        caller=caller,
        may_change=caller is not None and caller.role.includes(Role.OPERATOR),
        may_system=caller is not None and caller.role.includes(Role.ENGINEER),
        **more,
    )
    response = HTMLResponse(text, status)
    if asked in LANGUAGES:
        response.set_cookie("lang", asked, max_age=YEAR_S, samesite="strict", httponly=True)
    return response
