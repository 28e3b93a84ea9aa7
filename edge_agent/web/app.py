"""The page as an ASGI application: routes, refusals, headers."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.web.access import Access, RefusedError
from edge_agent.web.api import operations
from edge_agent.web.api_models import Problem
from edge_agent.web.headers import SafeHeaders
from edge_agent.web.openapi import openapi
from edge_agent.web.operation import Operation, json_response
from edge_agent.web.pages import pages, words
from edge_agent.web.rooms import Rooms

LOG = logging.getLogger("lineside.web")

STATIC = Path(__file__).parent / "static"
LARGEST_BODY = 64 << 10
BODY_S = 10.0
"""A body that takes longer is refused: a slow sender must not hold a connection."""


def build_app(rooms: Rooms) -> SafeHeaders:
    """The whole page."""
    rows = operations(rooms)
    spoken = words()
    addresses = {row.name: {"path": row.path, "method": row.method} for row in rows}

    def describe(request: Request) -> Response:
        # Made when it is asked for: the page itself needs no more than the addresses.
        return JSONResponse(openapi(rows))

    async def address(request: Request) -> Response:
        return JSONResponse(addresses)

    async def speak(request: Request) -> Response:
        return JSONResponse(spoken.get(request.path_params["language"], spoken["en"]))

    app = Starlette(
        routes=[
            *(_route(row, rooms.access) for row in rows),
            Route("/api/openapi.json", describe),
            Route("/api/operations.json", address),
            Route("/words/{language}.json", speak),
            *pages(rooms, spoken),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={
            RefusedError: _refused,
            LinesideError: _failed,
            HTTPException: _http_error,
            ClientDisconnect: _gone,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False
    return SafeHeaders(app)


def _route(row: Operation, access: Access) -> Route:
    async def endpoint(request: Request) -> Response:
        caller = access.admit(request, row.role) if row.role else None
        if row.method != "GET":
            access.refuse_forged(request, caller)
        taken = await _taken(request, row.takes) if row.takes else None
        answer = await run_in_threadpool(row.run, request, caller, taken)
        return answer if isinstance(answer, Response) else json_response(answer)

    return Route(row.path, endpoint, methods=[row.method], name=row.name)


async def _taken(request: Request, model: type[BaseModel]) -> BaseModel:
    """The validated query of a GET, else the validated body; raises RefusedError."""
    try:
        if request.method in ("GET", "HEAD"):
            return model.model_validate(_query(request), strict=False)
        return model.model_validate_json(await _body(request))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise RefusedError(422, f"{place}: {first['msg']}".removeprefix(": ")) from None


def _query(request: Request) -> dict[str, str]:
    """The words of a query; one that is empty is as good as none."""
    return {name: word for name, word in request.query_params.items() if word}


async def _body(request: Request) -> bytes:
    """The JSON body; raises RefusedError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, "the body is no JSON", cure="send application/json")
    try:
        async with asyncio.timeout(BODY_S):
            return await _limited(request)
    except TimeoutError:
        raise RefusedError(408, "the body came too slowly") from None


async def _limited(request: Request) -> bytes:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LARGEST_BODY:
            raise RefusedError(413, f"the body is larger than {LARGEST_BODY} bytes")
    return raw


async def _refused(request: Request, error: Any) -> Response:
    headers = {"Retry-After": str(error.wait_s)} if error.wait_s else {}
    if error.status in (408, 413):
        headers["Connection"] = "close"
    return _problem(error.status, error.what, error.cure, headers)


async def _http_error(request: Request, error: Any) -> Response:
    return _problem(error.status_code, error.detail, "", dict(error.headers or {}))


async def _gone(request: Request, error: Any) -> Response:
    return _problem(400, "the sender has gone", "")


async def _failed(request: Request, error: Any) -> Response:
    """A fault of ours, or a damaged file: the log says which, a stranger does not hear it."""
    if isinstance(error, LinesideError):
        LOG.error("the page: %s", error)
    return _problem(500, "the page failed", "see the log of the station")


def _problem(
    status: int, error: str, cure: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    return JSONResponse(Problem(error=error, cure=cure).model_dump(), status, headers=headers)
