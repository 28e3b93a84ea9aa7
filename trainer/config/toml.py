"""TOML files for people: one schema, unknown keys refused with a suggestion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from edge_agent.contracts.core.documents import read_toml_document
from edge_agent.contracts.core.errors import ConfigError

Scalar = str | int | float | bool
Value = Scalar | list[Scalar] | None
Table = Mapping[str, "Value | Table"]


class StrictTable(BaseModel):
    """A table of a TOML file: frozen, unknown keys refused, NaN and infinity refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Schema = TypeVar("Schema", bound=BaseModel)


def read_toml(schema: type[Schema], path: Path) -> Schema:
    """Read and validate a TOML file; raises ConfigError that names file, key and cure."""
    return validate(schema, read_toml_document(path), str(path))


def validate(schema: type[Schema], document: Mapping[str, object], where: str) -> Schema:
    """Validate `document`; raises ConfigError that names the first wrong key."""
    try:
        return schema.model_validate(document)
    except ValidationError as error:
        raise _config_error(schema, error.errors()[0], where) from error


def did_you_mean(wrong: str, known: list[str]) -> str:
    """`did you mean "x"?`, or the list of what is known."""
    close = get_close_matches(wrong, known, n=1, cutoff=0.5)
    return f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"


def to_toml(document: Table) -> str:
    """Write a document of scalars, lists of scalars and tables of such; None is left out."""
    plain = [f"{_key(k)} = {_literal(v)}" for k, v in document.items() if _is_plain(v)]
    tables = [
        f"\n[{_key(k)}]\n{to_toml(v)}".rstrip()
        for k, v in document.items()
        if isinstance(v, Mapping) and v
    ]
    return "\n".join(plain + tables) + "\n"


def _is_plain(value: object) -> bool:
    return value is not None and not isinstance(value, Mapping)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else json.dumps(name)


def _literal(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _config_error(schema: type[BaseModel], fault: ErrorDetails, where: str) -> ConfigError:
    steps = [str(step) for step in fault["loc"]]
    place = f"{where}: {'.'.join(steps)}" if steps else where
    if fault["type"] == "extra_forbidden":
        known = sorted(_fields_at(schema, steps[:-1]))
        return ConfigError("unknown key", where=place, cure=did_you_mean(steps[-1], known))
    if fault["type"] == "missing":
        return ConfigError("is missing", where=place, cure="add it")
    return ConfigError(f"{fault['msg']} (found {fault['input']!r})", where=place, cure="correct it")


def _fields_at(schema: type[BaseModel], steps: list[str]) -> list[str]:
    table = schema
    for step in steps:
        field = table.model_fields.get(step)
        inner = field.annotation if field else None
        candidates = [inner, *getattr(inner, "__args__", ())]
        found = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not found:
            break
        table = found[0]
    return list(table.model_fields)
