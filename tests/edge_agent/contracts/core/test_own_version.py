"""Versions in their order."""

from __future__ import annotations

import pytest

from edge_agent.contracts.core.own_version import is_older


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("0.9.0", "0.10.0", True),
        ("0.10.0", "0.9.0", False),
        ("1.0.0", "1.0.0", False),
        ("", "1.0.0", False),
        ("1.0.0", "", False),
        ("what a stranger says", "1.0.0", False),
    ],
)
def test_versions_are_older_by_number(one: str, other: str, expected: bool) -> None:
    assert is_older(one, other) is expected
