"""The form of a signature, of a target path, and the name of a key."""

from __future__ import annotations

import hashlib

import pytest
from pydantic import ValidationError

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from edge_agent.contracts.model.signature import (
    KEY_ID_DIGITS,
    MOST_ROOTS,
    Signature,
    key_id,
    target_path,
    withdrawn_manifests,
)

FIELDS = {
    "roots": ["{}"],
    "timestamp": "{}",
    "snapshot": "{}",
    "targets": "{}",
    "line": "main",
    "line_targets": "{}",
}


def test_a_key_is_named_by_the_head_of_its_sha256() -> None:
    raw = bytes(range(32))
    assert key_id(raw) == hashlib.sha256(raw).hexdigest()[:KEY_ID_DIGITS]


@pytest.mark.parametrize(
    "fields",
    [
        {"roots": []},
        {"roots": ["{}"] * (MOST_ROOTS + 1)},
        {"line": "../etc"},
        {"line": ""},
        {"timestamp": 1},
        {"more": "x"},
    ],
    ids=["no root", "too many roots", "path", "no line", "number", "unknown key"],
)
def test_another_form_is_refused(fields: dict[str, object]) -> None:
    Signature.model_validate(FIELDS)
    with pytest.raises(ValidationError):
        Signature.model_validate(FIELDS | fields)


def test_a_bundle_lies_in_the_folder_of_its_line() -> None:
    assert target_path("castings", "caps", "1.2.0") == "castings/caps-1.2.0.bundle"


def test_what_is_no_list_withdraws_nothing() -> None:
    assert withdrawn_manifests({}) == frozenset()
    assert withdrawn_manifests({"x-lineside-withdrawn": "all"}) == frozenset()
    assert withdrawn_manifests({"x-lineside-withdrawn": ["a", "b"]}) == {"a", "b"}


def test_the_prefix_of_float_layers_is_a_name_that_keras_allows() -> None:
    assert f"{FLOAT_PREFIX}score".isidentifier()
