"""The OpenAPI document of the page's API, made from its operations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from edge_agent.contracts.core.own_version import own_version
from edge_agent.web.access import COOKIE
from edge_agent.web.api_models import Problem
from edge_agent.web.operation import Operation

REF = "#/components/schemas/{model}"


def openapi(operations: Iterable[Operation]) -> dict[str, Any]:
    """OpenAPI 3.1 of the operations."""
    rows = list(operations)
    models: set[type[BaseModel]] = {Problem}
    for row in rows:
        models |= {row.answer} if isinstance(row.answer, type) else set()
        models |= {row.takes} if row.takes and row.method != "GET" else set()
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in ordered], ref_template=REF)
    paths: dict[str, Any] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lineside station", "version": own_version()},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
            },
        },
    }


def _operation(row: Operation) -> dict[str, Any]:
    media = "application/json" if isinstance(row.answer, type) else row.answer
    answer = _ref(row.answer) if isinstance(row.answer, type) else {"type": "string"}
    found: dict[str, Any] = {
        "operationId": row.name,
        "summary": row.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", row.path)
        ]
        + (_query(row.takes) if row.takes and row.method == "GET" else []),
        "responses": {
            "200": {"description": "done", "content": {media: {"schema": answer}}},
            "default": {
                "description": "refused",
                "content": {"application/json": {"schema": _ref(Problem)}},
            },
        },
    }
    if row.takes and row.method != "GET":
        content = {"application/json": {"schema": _ref(row.takes)}}
        found["requestBody"] = {"required": True, "content": content}
    if row.role:
        schemes: dict[str, list[str]] = {"session": []}
        found["security"] = [schemes | ({} if row.method == "GET" else {"csrf": []})]
        found["x-role"] = row.role.value
    return found


def _query(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": one}
        for name, one in schema["properties"].items()
    ]


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}
