from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.core.printable import printable, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\x00b\nc", r"a\x00b\nc".replace(r"\n", r"\x0a")),
        ("gpj.\u202etxt", r"gpj.\u202etxt"),
        ("a\u2028b", r"a\u2028b"),
        ("Gußteil 合格 é", "Gußteil 合格 é"),
        ("می\u200cشود", "می\u200cشود"),
    ],
    ids=["terminal", "control", "bidi", "line separator", "letters", "joiner"],
)
def test_hidden_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_printing_twice_changes_nothing_more(text: str) -> None:
    assert printable(printable(text)) == printable(text)


def test_numbers_pass_through_a_template() -> None:
    assert visible(3) == 3
    assert visible("\x07") == r"\x07"
