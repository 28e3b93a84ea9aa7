"""Forms for a page from the schemas of the drivers: each asks for what the driver describes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_agent.capture.drivers import CAMERAS
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.registry import Registry
from edge_agent.outputs.output import OUTPUTS
from edge_agent.trigger.trigger import TRIGGERS
from edge_agent.web import commission
from edge_agent.web.commission import Form, FormField, Forms

PARTS: Mapping[str, Registry[Any]] = {"source": CAMERAS, "trigger": TRIGGERS, "output": OUTPUTS}
"""Table of station.toml -> its drivers."""
UNITS = {
    "ms": "ms", "s": "s", "us": "µs", "min": "min", "hz": "Hz", "fps": "1/s", "px": "px",
    "mm": "mm", "deg": "°", "c": "°C", "mb": "MB", "db": "dB", "m": "m", "v": "V", "g": "g",
}  # fmt: skip
"""Last word of a setting's name -> its unit."""
CHINESE = Path(commission.__file__).parent / "help" / "zh.json"
"""Help of a setting in English -> in Chinese."""
REGION = "region"
"""Left, top, width, height as shares of the picture: drawn on it."""
BY_TYPE = {"boolean": "flag", "integer": "integer", "number": "number", "string": "text"}


def driver_forms() -> Forms:
    """A form for every driver of this installation."""
    forms = {
        part: [_form(registry, name) for name in registry.names()]
        for part, registry in PARTS.items()
    }
    return Forms(in_chinese=json.loads(CHINESE.read_text("utf-8")), **forms)


def form_fields(schema: Mapping[str, Any]) -> list[FormField]:
    """The settings of a JSON schema (draft 2020-12, as pydantic makes it), the required first."""
    return _fields(schema, schema.get("$defs", {}))


def _form(registry: Registry[Any], name: str) -> Form:
    try:
        schema = registry.find(name).config.model_json_schema()
    except LinesideError as error:
        return Form(driver=name, fields=[], fault=f"{error.what}: {error.cure}")
    return Form(driver=name, fields=form_fields(schema), fault="")


def _fields(schema: Mapping[str, Any], known: Mapping[str, Any]) -> list[FormField]:
    needed = schema.get("required", [])
    found = [
        _field(name, about, name in needed, known)
        for name, about in schema.get("properties", {}).items()
        if name != "driver"
    ]
    shown = [field for field in found if field is not None]
    return sorted(shown, key=lambda field: not field.required)


def _field(
    name: str, about: Mapping[str, Any], required: bool, known: Mapping[str, Any]
) -> FormField | None:
    """None where no form can ask for it: it stays as the file has it."""
    one = _resolved(about, known)
    kind = _kind(name, one, known)
    if kind is None:
        return None
    inner = _resolved(one.get("items", {}), known) if kind == "choices" else one
    least, most = one.get("minimum"), one.get("maximum")
    beyond = one.get("exclusiveMinimum"), one.get("exclusiveMaximum")
    return FormField(
        name=name,
        kind=kind,
        help=about.get("description", one.get("description", "")),
        required=required,
        default=_default(about.get("default"), kind),
        unit=UNITS.get(name.rpartition("_")[2], "") if "_" in name else "",
        least=beyond[0] if least is None else least,
        most=beyond[1] if most is None else most,
        is_beyond=least is None and beyond[0] is not None,
        longest=one.get("maxLength"),
        choices=list(inner.get("enum", [])),
        fields=_fields(one, known) if kind == "table" else [],
    )


def _resolved(about: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without references, and without the `null` of what may be absent."""
    if "$ref" in about:
        return _resolved(known[about["$ref"].rpartition("/")[2]], known)
    options = [one for one in about.get("anyOf", []) if one.get("type") != "null"]
    return _resolved(options[0], known) if len(options) == 1 else about


def _kind(name: str, one: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
    if "enum" in one:
        return "choice"
    if {option.get("type") for option in one.get("anyOf", [])} == {"integer", "string"}:
        return "word"
    if one.get("type") == "object":
        return "table" if one.get("properties") else None
    if one.get("type") == "array":
        return _kind_of_list(name, one, _resolved(one.get("items", {}), known))
    return BY_TYPE.get(str(one.get("type")))


def _kind_of_list(name: str, one: Mapping[str, Any], item: Mapping[str, Any]) -> str | None:
    if name == REGION and one.get("maxItems") == len("ltwh"):
        return "region"
    if "enum" in item:
        return "choices"
    types = [entry.get("type") for entry in one.get("prefixItems", [item])]
    if set(types) <= {"number", "integer"}:
        return "numbers"
    return "words" if set(types) == {"string"} else None


def _default(value: object, kind: str) -> Any:
    if value is None or kind == "table":
        return None
    return list(value) if isinstance(value, list | tuple) else value
