"""The signature's form, and the name of a key."""

from __future__ import annotations

import hashlib

import pytest
from pydantic import ValidationError

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from edge_agent.contracts.model.signature import KEY_ID_DIGITS, Signature, key_id


def test_a_key_is_named_by_the_head_of_its_sha256() -> None:
    raw = bytes(range(32))
    assert key_id(raw) == hashlib.sha256(raw).hexdigest()[:KEY_ID_DIGITS]
    Signature(key_id=key_id(raw), signature="0" * 128)


@pytest.mark.parametrize(
    "fields",
    [
        {"key_id": "0" * 15, "signature": "0" * 128},
        {"key_id": "0" * 16, "signature": "0" * 126},
        {"key_id": "G" * 16, "signature": "0" * 128},
        {"key_id": "0" * 16, "signature": "0" * 128, "algorithm": "rsa"},
        {"key_id": "0" * 16, "signature": "0" * 128, "more": 1},
    ],
    ids=["short key", "short signature", "no hex", "algorithm", "unknown key"],
)
def test_another_form_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Signature.model_validate(fields)


def test_the_prefix_of_float_layers_is_a_name_that_keras_allows() -> None:
    assert f"{FLOAT_PREFIX}score".isidentifier()
