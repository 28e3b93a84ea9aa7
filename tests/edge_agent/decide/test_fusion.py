"""From channels to the part, and to what the line does."""

from __future__ import annotations

import itertools

import pytest

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.decide.fusion import action_for, fuse

PASS, FAIL, NONE = Verdict.PASS, Verdict.FAIL, Verdict.NO_VERDICT


def channel(name: str, verdict: Verdict) -> ChannelVerdict:
    reason = "late" if verdict == NONE else ""
    return ChannelVerdict(
        channel=name, bundle="b 1.0.0", verdict=verdict, label="scratch", reason=reason
    )


@pytest.mark.parametrize(
    "verdicts", list(itertools.product([PASS, FAIL, NONE], repeat=3)), ids=lambda v: "-".join(v)
)
def test_part_passes_only_where_every_channel_passes(verdicts: tuple[Verdict, ...]) -> None:
    fused, reason = fuse([channel(str(k), v) for k, v in enumerate(verdicts)], 20, 100)
    if FAIL in verdicts:
        assert fused == FAIL
        assert reason == f"{verdicts.index(FAIL)}: scratch"
    elif NONE in verdicts:
        assert fused == NONE
        assert reason == f"{verdicts.index(NONE)}: late"
    else:
        assert (fused, reason) == (PASS, "")


@pytest.mark.parametrize(
    ("verdict", "safe_action", "action"),
    [
        (PASS, "reject", "accept"),
        (PASS, "stop", "accept"),
        (FAIL, "pass-through", "reject"),
        (FAIL, "stop", "reject"),
        (NONE, "reject", "reject"),
        (NONE, "pass-through", "accept"),
        (NONE, "stop", "stop"),
    ],
)
def test_only_a_part_without_verdict_takes_the_safe_action(
    verdict: Verdict, safe_action: str, action: str
) -> None:
    assert action_for(verdict, safe_action) == action  # type: ignore[arg-type]


def test_channels_in_time_make_no_late_pass() -> None:
    channels = [channel("top", PASS), channel("side", PASS)]
    assert fuse(channels, 120, 100) == (NONE, "late: 120 ms, the deadline is 100 ms")
    assert fuse([*channels, channel("end", FAIL)], 120, 100)[0] == FAIL
