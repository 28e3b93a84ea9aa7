"""From channels to the part, and to what the line does."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.decide.fusion import (
    ChannelFusionTable,
    FusionTable,
    action_for,
    bad_probability,
    fuse,
)

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


RULES = {"top": ChannelFusionTable(), "side": ChannelFusionTable(optional=True)}


@pytest.mark.parametrize(
    ("top", "side", "expected", "reason"),
    [
        (PASS, PASS, PASS, ""),
        (PASS, NONE, PASS, "without side: late"),
        (PASS, FAIL, FAIL, "side: scratch"),
        (NONE, PASS, NONE, "top: late"),
        (NONE, NONE, NONE, "top: late"),
    ],
)
def test_part_passes_without_an_optional_channel_alone(
    top: Verdict, side: Verdict, expected: Verdict, reason: str
) -> None:
    channels = [channel("top", top), channel("side", side)]
    assert fuse(channels, 20, 100, rules=RULES) == (expected, reason)


def test_only_optional_channels_pass_nothing_unseen() -> None:
    assert fuse([channel("side", NONE)], 20, 100, rules=RULES)[0] == NONE


CALIBRATED = ChannelFusionTable(calibration=[(0.0, 0.01), (0.4, 0.3), (1.0, 0.99)])
TOGETHER = FusionTable(rule="probability", bad_share=0.05, unsure_from=0.5, fail_from=0.9)


def scored(name: str, score: float) -> ChannelVerdict:
    return channel(name, PASS).model_copy(update={"score": score})


def test_calibration_is_a_straight_line_between_its_points() -> None:
    assert [CALIBRATED.probability(score) for score in (-1, 0, 0.2, 0.4, 2)] == pytest.approx(
        [0.01, 0.01, 0.155, 0.3, 0.99]
    )


def test_weak_signs_in_two_channels_together_are_a_fail() -> None:
    rules = {"top": CALIBRATED, "side": CALIBRATED}
    one = [scored("top", 0.4), scored("side", 0.05)]
    both = [scored("top", 0.5), scored("side", 0.5)]
    assert fuse(one, 20, 100, TOGETHER, rules)[0] == PASS
    verdict, reason = fuse(both, 20, 100, TOGETHER, rules)
    assert verdict == FAIL
    assert reason.startswith("the channels together: 0.9")
    assert fuse(both, 20, 100, FusionTable(), rules)[0] == PASS, "the worst channel alone decides"


def test_probabilities_add_up_as_bayes_rule_says() -> None:
    """Against the same sum by products of the two kinds of parts."""
    bad = good = 1.0
    for p in (0.155, 0.3):
        bad *= p / 0.05
        good *= (1 - p) / 0.95
    expected = 0.05 * bad / (0.05 * bad + 0.95 * good)
    channels = [scored("top", 0.2), scored("side", 0.4), channel("end", NONE)]
    rules = dict.fromkeys(("top", "side", "end"), CALIBRATED)
    assert bad_probability(channels, TOGETHER, rules) == pytest.approx(expected)


@given(
    verdicts=st.lists(st.sampled_from([PASS, FAIL, NONE]), min_size=1, max_size=4),
    scores=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_probabilities_never_pass_what_the_worst_channel_does_not(
    verdicts: list[Verdict], scores: list[float]
) -> None:
    channels = [
        channel(str(k), verdict).model_copy(update={"score": scores[k]})
        for k, verdict in enumerate(verdicts)
    ]
    rules = {str(k): CALIBRATED for k in range(4)}
    if fuse(channels, 20, 100, TOGETHER, rules)[0] == PASS:
        assert fuse(channels, 20, 100)[0] == PASS


@pytest.mark.parametrize(
    "calibration", [[(0.1, 0.5)], [(0.2, 0.1), (0.1, 0.2)], [(0, 0.5), (1, 0.4)], [(0, 0), (1, 2)]]
)
def test_calibration_that_is_none_is_refused(calibration: list[tuple[float, float]]) -> None:
    with pytest.raises(ValidationError, match="calibration needs"):
        ChannelFusionTable(calibration=calibration)
