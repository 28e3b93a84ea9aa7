"""Verdict lines on a terminal."""

from __future__ import annotations

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.outputs.console import as_text


def test_a_value_is_shown_with_its_interval_and_a_silent_channel_with_a_dash() -> None:
    life = ChannelVerdict(
        channel="pump",
        bundle="lives 1.0.0",
        verdict=Verdict.PASS,
        label="cycles left",
        score=41.5,
        interval=(30.0, 55.25),
    )
    camera = ChannelVerdict(channel="top", bundle="caps 1.0.0", verdict=Verdict.NO_VERDICT)
    decision = Decision("p1", Verdict.NO_VERDICT, "reject", "top: dark", 2.0, (life, camera))
    line = as_text(decision)
    assert "pump cycles left 41.500 (30.000 to 55.250); top -" in line
    assert line.endswith("2.0 ms  (top: dark)")
