"""What is wrong with a choice, setting by setting: for words beside the fields of a form."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edge_agent.capture.view import ViewTable
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.strict import fault_sentence
from edge_agent.station.setup_forms import PARTS
from edge_agent.web.commission import Choice, FieldFault

Part: TypeAlias = Literal["source", "view", "trigger", "output"]
BOUNDS = ("ge", "gt", "le", "lt", "max_length", "min_length", "expected")
"""Names under which pydantic tells the bound that was broken."""


def faults_of(choice: Choice, folder: Path) -> list[FieldFault]:
    """Of the camera, the view, the trigger and the output. folder: of station.toml."""
    found = _of_driver("source", choice.source, folder)
    if choice.view:
        found += _of_table("view", ViewTable, choice.view, folder)
    if choice.trigger:
        found += _of_driver("trigger", choice.trigger, folder)
    if choice.output:
        found += _of_driver("output", choice.output, folder)
    return found


def whole_fault(text: str) -> FieldFault:
    """A fault that belongs to no setting alone."""
    return FieldFault(part="", place=[], kind="", bound="", text=text)


def _of_driver(part: Part, table: object, folder: Path) -> list[FieldFault]:
    named = table.get("driver") if isinstance(table, dict) else None
    try:
        schema = PARTS[part].find(str(named or "")).config
    except LinesideError as error:
        return [FieldFault(part=part, place=["driver"], kind="", bound="", text=error.what)]
    return _of_table(part, schema, table, folder)


def _of_table(part: Part, schema: type[BaseModel], table: object, folder: Path) -> list[FieldFault]:
    try:
        schema.model_validate(table, context={"folder": folder})
    except ValidationError as error:
        return [_fault(part, schema, one) for one in error.errors()]
    return []


def _fault(part: Part, schema: type[BaseModel], one: ErrorDetails) -> FieldFault:
    place = [str(step) for step in one["loc"]]
    context = one.get("ctx", {})
    bound = next((_plain(context[name]) for name in BOUNDS if name in context), "")
    text = one["msg"].removeprefix("Value error, ")
    if one["type"] == "extra_forbidden":
        alone = ValidationError.from_exception_data(schema.__name__, [one])  # type: ignore[list-item]
        text = fault_sentence(schema, alone)
    return FieldFault(part=part, place=place, kind=one["type"], bound=bound, text=text)


def _plain(bound: object) -> str:
    """A whole number without its point."""
    return str(int(bound)) if isinstance(bound, float) and bound.is_integer() else str(bound)
