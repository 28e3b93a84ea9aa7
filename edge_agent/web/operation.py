"""One operation of the page's API: its row makes its route and its document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.responses import Response

from edge_agent.web.users import Role


@dataclass(frozen=True)
class Operation:
    """One row. role: None for everybody; answer: a model or a media type.

    takes: what it is asked with, read from the query of a GET and else from the JSON body.
    run: (request, caller, taken) -> a model or a response; called in worker threads.
    """

    name: str
    method: str
    path: str
    role: Role | None
    summary: str
    run: Callable[..., BaseModel | Response]
    answer: type[BaseModel] | str
    takes: type[BaseModel] | None = None


def json_response(model: BaseModel) -> Response:
    """A model as the page answers it."""
    return Response(model.model_dump_json(), media_type="application/json")
