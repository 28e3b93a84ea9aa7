"""The reference page of a TOML file, generated from its schema."""

from __future__ import annotations

import types
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from edge_agent.contracts.core.by_driver import ByDriver

UNITS = {
    "_hz": "Hz",
    "_ms": "ms",
    "_s": "s",
    "_px": "px",
    "_mb": "MB",
    "_mm": "mm",
    "_us": "us",
}
"""Ending of a name -> its unit."""


def reference(schema: type[BaseModel], head: str) -> str:
    """Markdown: `head`, then one section for each table of the schema, one row for each key."""
    return head + "\n".join(_sections("", schema))


def tables(schema: type[BaseModel]) -> list[type[BaseModel]]:
    """Every table of the schema, itself first."""
    found: list[type[BaseModel]] = []
    _collect(schema, found)
    return found


def _collect(table: type[BaseModel], found: list[type[BaseModel]]) -> None:
    found.append(table)
    for field in table.model_fields.values():
        for inner in _inner(field):
            if inner not in found:
                _collect(inner, found)


def _sections(name: str, table: type[BaseModel]) -> list[str]:
    rows = [_row(key, field) for key, field in table.model_fields.items()]
    rows = [row for row in rows if row]
    sections = []
    if rows:
        head = ["| key | what it is | type and bounds | unit | default |", "|---|---|---|---|---|"]
        about = (table.__doc__ or "").strip().splitlines()[0]
        sections.append("\n".join([f"## {_title(name, table)}", "", about, "", *head, *rows, ""]))
    for key, field in table.model_fields.items():
        many = get_origin(field.annotation) is list
        named = get_origin(field.annotation) is dict
        for inner in _inner(field):
            place = f"{name}.{key}" if name else key
            place = f'{place}."NAME"' if named else place
            sections += _sections(f"[{place}]" if many else place, inner)
    return sections


def _title(name: str, table: type[BaseModel]) -> str:
    if not name:
        return "Top level"
    bare = name.replace("[", "").replace("]", "")
    title = f"[[{bare}]]" if name.endswith("]") else f"[{bare}]"
    tags = [
        f'{key} = "{value}"'
        for key, field in table.model_fields.items()
        if key in ("driver", "kind")
        for value in get_args(field.annotation)
    ]
    return f"{title} {' or '.join(tags)}".strip()


def _row(key: str, field: FieldInfo) -> str:
    if key in ("driver", "kind") or _inner(field):
        return ""
    unit = next((unit for end, unit in UNITS.items() if key.endswith(end)), "")
    kind = f"{_kind(field.annotation)}{_bounds(field)}"
    return f"| `{key}` | {field.description or ''} | {kind} | {unit} | {_default(field)} |"


def _kind(annotation: object) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(annotation))
    if origin is Annotated:
        return _kind(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        kinds = [_kind(one) for one in get_args(annotation) if one is not type(None)]
        return " or ".join(kinds)
    if origin is list:
        return f"list of {_kind(get_args(annotation)[0])}"
    names = {"str": "text", "float": "number", "int": "whole number", "bool": "true or false"}
    name = getattr(annotation, "__name__", str(annotation))
    return names.get(name, name.lower())


def _bounds(field: FieldInfo) -> str:
    words = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    found = [
        f"{word} {getattr(rule, name):g}"
        for rule in field.metadata
        for name, word in words.items()
        if getattr(rule, name, None) is not None
    ]
    return f" {', '.join(found)}" if found else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.default
    if value is PydanticUndefined or value in (None, ""):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if isinstance(value, int | float) else f'`"{value}"`'


def _inner(field: FieldInfo) -> list[type[BaseModel]]:
    """The tables that a field may hold: where a driver chooses, those of every driver."""
    for mark in field.metadata:
        if isinstance(mark, ByDriver):
            return mark.schemas()
    return _tables_in(field.annotation)


def _tables_in(annotation: object) -> list[type[BaseModel]]:
    """The tables inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    parts = get_args(annotation)
    marks = [part for part in parts if isinstance(part, ByDriver)]
    if marks:
        return [schema for mark in marks for schema in mark.schemas()]
    return [table for part in parts for table in _tables_in(part)]
