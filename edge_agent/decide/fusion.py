"""From the verdicts of the channels to the verdict on the part, and to what the line does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.config import SafeAction
from edge_agent.contracts.messages import Action, ChannelVerdict
from edge_agent.contracts.types import Verdict


@dataclass(frozen=True)
class Decision:
    """What was decided of a part. latency_ms: from its first grab."""

    part_id: str
    verdict: Verdict
    action: Action
    reason: str
    latency_ms: float
    channels: tuple[ChannelVerdict, ...]


def fuse(channels: Sequence[ChannelVerdict]) -> tuple[Verdict, str]:
    """FAIL if any channel fails, else NO-VERDICT if any is unsure or missing, else PASS.

    The reason names the channel that decided, unless all pass.
    """
    for verdict in (Verdict.FAIL, Verdict.NO_VERDICT):
        for channel in channels:
            if channel.verdict == verdict:
                return verdict, f"{channel.channel}: {channel.reason or channel.label}"
    return Verdict.PASS, ""


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
