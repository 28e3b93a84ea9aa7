"""Pydantic models that refuse what they do not know, and what a refusal says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.suggestion import did_you_mean

Schema = TypeVar("Schema", bound=BaseModel)

MOST_FAULTS = 5
"""Faults named in one message; the rest are counted."""
MOST_SHOWN = 60
"""Characters of a wrong value that a message repeats."""


class Strict(BaseModel):
    """Frozen; unknown keys refused; NaN and infinity refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def validate(
    schema: type[Schema],
    document: Mapping[str, object],
    where: str,
    *,
    cure: str = "correct it",
    context: Mapping[str, object] | None = None,
) -> Schema:
    """Validate `document`; raises ConfigError that names every wrong key, `where` before them."""
    try:
        return schema.model_validate(document, context=context)
    except ValidationError as error:
        raise ConfigError(fault_sentence(schema, error), where=where, cure=cure) from error


def fault_sentence(schema: type[BaseModel], error: ValidationError) -> str:
    """The faults of a validation, `table.key: message` each, in one line."""
    faults = error.errors()
    sentences = [_sentence(schema, fault) for fault in faults[:MOST_FAULTS]]
    if len(faults) > MOST_FAULTS:
        sentences.append(f"{len(faults) - MOST_FAULTS} more")
    return "; ".join(sentences)


def unknown_key(schema: type[BaseModel], steps: Sequence[str]) -> str:
    """`unknown key 'x', did you mean 'y'?`; `steps` lead from `schema` to the key."""
    known = sorted(_keys_at(schema, steps[:-1]))
    key = steps[-1][:MOST_SHOWN]
    return f"unknown key {key!r}, {did_you_mean(key, known)}"


def _sentence(schema: type[BaseModel], fault: ErrorDetails) -> str:
    steps = [str(step) for step in fault["loc"]]
    context: dict[str, Any] = fault.get("ctx", {})
    if fault["type"] == "extra_forbidden":
        return _at(steps[:-1], unknown_key(schema, steps))
    if fault["type"] == "union_tag_invalid":
        return _at(steps, _unknown_tag(context))
    if fault["type"] == "union_tag_not_found":
        return _at(steps, f"needs {str(context['discriminator']).strip(chr(39))}")
    if fault["type"] == "missing":
        return _at(steps, "is missing" + _choices(schema, steps))
    if fault["type"] == "list_type" and isinstance(fault["input"], dict):
        return _at(steps, f"write it as [[{'.'.join(steps)}]], once for each")
    return _at(steps, fault["msg"].removeprefix("Value error, ") + _found(fault))


def _choices(schema: type[BaseModel], steps: Sequence[str]) -> str:
    """`, one of 'a', 'b'`, where a key of the document itself has a few values to choose from."""
    field = schema.model_fields.get(steps[0]) if len(steps) == 1 else None
    if field is None or get_origin(field.annotation) is not Literal:
        return ""
    return f", one of {', '.join(repr(value) for value in get_args(field.annotation))}"


def _at(steps: Sequence[str], message: str) -> str:
    return f"{'.'.join(step[:MOST_SHOWN] for step in steps)}: {message}" if steps else message


def _found(fault: ErrorDetails) -> str:
    """The wrong value, where it is a short one and no secret."""
    value = fault["input"]
    names = " ".join(str(step) for step in fault["loc"]).lower()
    if fault["type"] in ("value_error", "unknown_key") or any(
        word in names for word in ("password", "secret")
    ):
        return ""
    if not isinstance(value, str | int | float | bool):
        return ""
    text = repr(value)
    return f" (found {text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + '...'})"


def _unknown_tag(context: dict[str, Any]) -> str:
    tag = str(context.get("tag"))
    known = [name.strip(" '") for name in str(context.get("expected_tags", "")).split(",")]
    key = str(context.get("discriminator", "")).strip("'")
    return f"unknown {key} {tag!r}, {did_you_mean(tag, known)}"


def _keys_at(schema: type[BaseModel], steps: Sequence[str]) -> list[str]:
    """The keys of the table at `steps`: keys, positions in lists and tags of unions."""
    tables = [schema]
    for step in steps:
        inner = [
            table
            for one in tables
            if step in one.model_fields
            for table in _tables_in(one.model_fields[step].annotation)
        ]
        tables = inner or [one for one in tables if _has_tag(one, step)] or tables
    names = (field.alias or name for table in tables for name, field in table.model_fields.items())
    return list(dict.fromkeys(names))


def _tables_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _tables_in(part)


def _has_tag(table: type[BaseModel], tag: str) -> bool:
    annotations = (field.annotation for field in table.model_fields.values())
    return table.__name__ == tag or any(
        get_origin(annotation) is Literal and tag in get_args(annotation)
        for annotation in annotations
    )
