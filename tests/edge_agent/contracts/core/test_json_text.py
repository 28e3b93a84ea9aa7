from __future__ import annotations

import pytest

from edge_agent.contracts.core.json_text import load_json_object


def test_plain_json_is_what_it_is() -> None:
    found = load_json_object(b'{"a": [1, -2.5, "x", null, true], "b": {"a": 1}}')
    assert found == {"a": [1, -2.5, "x", None, True], "b": {"a": 1}}


def test_infinite_numbers_are_taken_where_they_may_be() -> None:
    assert load_json_object('{"a": -Infinity}', finite=False) == {"a": float("-inf")}


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "[" * 100_000, '{"a":' * 50_000, '{"a": NaN}', '{"a": Infinity}',
        '{"a": 1e999}', '{"a": 1, "a": 2}', '{"a": ' + "9" * 5000 + "}", b"\xff\xfe{}", b"\x00",
    ],
)  # fmt: skip
def test_everything_else_is_one_exception(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        load_json_object(text)
