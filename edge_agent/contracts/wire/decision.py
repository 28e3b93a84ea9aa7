"""What the station decided of a part: what outputs act on and listeners record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import Action, ChannelVerdict

SafeAction: TypeAlias = Literal["reject", "pass-through", "stop"]
"""What happens to a part with NO-VERDICT."""


@dataclass(frozen=True)
class Decision:
    """The decision on one part.

    latency_ms: from its first grab; at_ns: UTC of the decision; late_fail: the part was decided
    otherwise before this FAIL came, and `action` is what is done about it now; trigger_ns:
    monotonic time of the part's trigger, or of its first grab; 0: not known.
    """

    part_id: str
    verdict: Verdict
    action: Action
    reason: str
    latency_ms: float
    channels: tuple[ChannelVerdict, ...]
    at_ns: int = 0
    late_fail: bool = False
    trigger_ns: int = 0
