"""From the verdicts of the channels to the verdict on the part, and to what the line does."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import SafeAction
from edge_agent.contracts.wire.kinds.verdict import Action, ChannelVerdict


def fuse(
    channels: Sequence[ChannelVerdict], latency_ms: float, deadline_ms: float
) -> tuple[Verdict, str]:
    """FAIL if any channel fails, else NO-VERDICT if any is unsure or missing or all are late.

    PASS otherwise: each channel passed, and the last one before the part's own deadline, which
    counts from its first grab. The reason names the channel that decided, unless all pass.
    """
    for verdict in (Verdict.FAIL, Verdict.NO_VERDICT):
        for channel in channels:
            if channel.verdict == verdict:
                return verdict, f"{channel.channel}: {channel.reason or channel.label}"
    if latency_ms > deadline_ms:
        return Verdict.NO_VERDICT, f"late: {latency_ms:.0f} ms, the deadline is {deadline_ms:g} ms"
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
