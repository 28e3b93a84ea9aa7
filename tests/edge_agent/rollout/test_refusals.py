"""Each refused message is named once, and no flood fills log or memory."""

from __future__ import annotations

import pytest

from edge_agent.rollout.refusals import MOST_NAMED, Refusals


def test_a_message_is_named_once_and_a_flood_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals()
    assert refusals.name(b"x", ValueError("forged"))
    assert not refusals.name(b"x", ValueError("forged"))
    assert [record.getMessage() for record in caplog.records] == ["refused: forged"]
    for number in range(5 * MOST_NAMED):
        refusals.name(str(number).encode(), ValueError("forged"))
    assert len(caplog.records) == MOST_NAMED + 1
    assert "not named until the next desired state" in caplog.records[-1].getMessage()
    refusals.forget()
    assert refusals.name(b"x", ValueError("forged"))
