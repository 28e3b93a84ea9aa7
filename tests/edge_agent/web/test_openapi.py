"""The API's own description: every reference leads somewhere, bounds and rights are in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from edge_agent.web import api
from edge_agent.web.api_models import Done, MissedDefect, Problem, StopPassing
from edge_agent.web.openapi import openapi
from edge_agent.web.operation import Operation
from edge_agent.web.users import Role
from tests.page_kit import PageKit


@pytest.fixture
def operations(tmp_path: Path) -> list[Operation]:
    return api.operations(PageKit(tmp_path).page.rooms)


def refs(document: object) -> Iterator[str]:
    return iter(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document)))


def test_every_operation_is_described_and_every_reference_leads_somewhere(
    operations: list[Operation],
) -> None:
    document = openapi(operations)
    described = {
        (method, path): about
        for path, methods in document["paths"].items()
        for method, about in methods.items()
    }
    assert set(described) == {(row.method.lower(), row.path) for row in operations}
    assert set(refs(document)) <= document["components"]["schemas"].keys()
    for row in operations:
        about = described[row.method.lower(), row.path]
        assert about.get("x-role", "") == (row.role.value if row.role else "")
        if row.role and row.method != "GET":
            assert "csrf" in about["security"][0], f"{row.name} changes something without a token"


def test_words_in_a_path_are_parameters(operations: list[Operation]) -> None:
    one = next(row for row in operations if "{" in row.path)
    about = openapi([one])["paths"][one.path][one.method.lower()]
    assert [p["name"] for p in about["parameters"] if p["in"] == "path"] == re.findall(
        r"{(\w+)}", one.path
    )


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (MissedDefect, {"part_id": ""}),
        (MissedDefect, {"part_id": "x" * 401}),
        (MissedDefect, {"part_id": "p", "verdict": "PASS"}),
        (StopPassing, {}),
        (StopPassing, {"stopped": True, "note": "x" * 401}),
        (Done, {"done": False}),
    ],
)
def test_a_body_beyond_its_bounds_is_refused(model: type[BaseModel], body: object) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(body)


def test_a_problem_and_an_operator_are_known(operations: list[Operation]) -> None:
    assert Problem(error="x").cure == ""
    assert Role.OPERATOR in {row.role for row in operations}
