"""From the verdicts of the channels to the verdict on the part, and to what the line does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import SafeAction
from edge_agent.contracts.wire.kinds.verdict import Action, ChannelVerdict
from edge_agent.settings.toml import Table

SURE = 1e-6
"""No channel is surer than this: one alone must not outweigh all others for ever."""


class ChannelFusionTable(Table):
    """What a channel counts for in the verdict on the part."""

    optional: bool = Field(
        default=False,
        description="the part may pass without it, where it is missing or its item is not fit; "
        "its FAIL counts all the same",
    )
    calibration: list[tuple[float, float]] = Field(
        default_factory=list,
        max_length=100,
        description="scores, rising, and the share of bad parts at each of them; between them a "
        "straight line; empty: its score is not added up with others",
    )

    @model_validator(mode="after")
    def _shares_rise_with_the_scores(self) -> Self:
        scores = [score for score, _ in self.calibration]
        shares = [share for _, share in self.calibration]
        if len(scores) == 1 or scores != sorted(set(scores)):
            raise ValueError("calibration needs two scores or more, each above the one before")
        if shares != sorted(shares) or not all(0 <= share <= 1 for share in shares):
            raise ValueError("calibration needs shares from 0 to 1 that do not fall")
        return self

    def probability(self, score: float) -> float:
        """The calibrated probability that a part of this score is bad."""
        scores, shares = zip(*self.calibration, strict=True)
        return float(np.interp(score, scores, shares))


class FusionTable(Table):
    """How the channels of a part become its verdict."""

    rule: Literal["worst", "probability"] = Field(
        default="worst",
        description="worst: the worst channel decides; probability: besides, calibrated "
        "probabilities are added up, so that weak signs in several channels count",
    )
    bad_share: float = Field(
        default=0.05, gt=0, lt=1, description="share of bad parts on this line, before any look"
    )
    fail_from: float = Field(
        default=0.5, gt=0, le=1, description="probability of a bad part from which it is FAIL"
    )
    unsure_from: float = Field(
        default=0.5, gt=0, le=1, description="from which it is at least NO-VERDICT"
    )
    optional_wait_ms: float = Field(
        default=0,
        ge=0,
        le=3_600_000,
        description="an optional channel is waited for so long, from trigger or first grab on",
    )

    @model_validator(mode="after")
    def _unsure_before_fail(self) -> Self:
        if self.unsure_from > self.fail_from:
            raise ValueError("unsure_from lies above fail_from")
        return self


WORST = FusionTable()
NO_RULES: Mapping[str, ChannelFusionTable] = {}


def fuse(
    channels: Sequence[ChannelVerdict],
    latency_ms: float,
    deadline_ms: float,
    table: FusionTable = WORST,
    rules: Mapping[str, ChannelFusionTable] = NO_RULES,
) -> tuple[Verdict, str]:
    """FAIL if any channel fails, else NO-VERDICT if a required one is unsure or missing or late.

    PASS otherwise: each required channel passed before the part's own deadline, which counts from
    its trigger or first grab. Probabilities can only make it worse. The reason names the channel
    that decided, and the optional ones that a PASS was given without. rules: of each channel.
    """
    for channel in channels:
        if channel.verdict == Verdict.FAIL:
            return Verdict.FAIL, f"{channel.channel}: {channel.reason or channel.label}"
    without = [one for one in channels if one.verdict == Verdict.NO_VERDICT]
    for channel in without:
        if not _is_optional(channel.channel, rules) or len(without) == len(channels):
            return Verdict.NO_VERDICT, f"{channel.channel}: {channel.reason or channel.label}"
    if latency_ms > deadline_ms:
        return Verdict.NO_VERDICT, f"late: {latency_ms:.0f} ms, the deadline is {deadline_ms:g} ms"
    if table.rule == "probability":
        bad = bad_probability(channels, table, rules)
        words = f"the channels together: {bad:.3f} for a bad part"
        if bad >= table.unsure_from:
            return Verdict.FAIL if bad >= table.fail_from else Verdict.NO_VERDICT, words
    return Verdict.PASS, "; ".join(f"without {one.channel}: {one.reason}" for one in without)


def bad_probability(
    channels: Sequence[ChannelVerdict],
    table: FusionTable,
    rules: Mapping[str, ChannelFusionTable],
) -> float:
    """The probability of a bad part from all calibrated channels that judged it.

    Bayes' rule for signs that are independent of each other, given what the part is: each channel
    adds by how much its log-odds lie above those of the line's share of bad parts.
    """
    prior = _log_odds(table.bad_share)
    odds = prior
    for channel in channels:
        rule = rules.get(channel.channel)
        judged = channel.verdict != Verdict.NO_VERDICT and channel.score is not None
        if rule is not None and rule.calibration and judged and channel.score is not None:
            odds += _log_odds(rule.probability(channel.score)) - prior
    return 1 / (1 + exp(-odds))


def action_for(verdict: Verdict, safe_action: SafeAction) -> Action:
    """What the line does with the part."""
    if verdict == Verdict.PASS:
        return "accept"
    if verdict == Verdict.FAIL:
        return "reject"
    actions: dict[SafeAction, Action] = {
        "reject": "reject",
        "pass-through": "accept",
        "stop": "stop",
    }
    return actions[safe_action]


def _is_optional(channel: str, rules: Mapping[str, ChannelFusionTable]) -> bool:
    return channel in rules and rules[channel].optional


def _log_odds(probability: float) -> float:
    sure = min(max(probability, SURE), 1 - SURE)
    return log(sure / (1 - sure))
