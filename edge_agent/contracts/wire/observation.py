"""What a channel judged, item and verdict together: for evidence, audit log and page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_agent.contracts.core.types import Item, Judgement
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict


@dataclass(frozen=True)
class Observation:
    """One item with the verdict of its channel; the part may have been decided otherwise.

    item: the very object that was judged, so nobody may write to its arrays. judgement: None where
    the network was not asked (unreadable, stale, unfit, dropped).
    """

    part_id: str
    item: Item
    verdict: ChannelVerdict
    judgement: Judgement | None = None


class Observer(Protocol):
    """Looks at what was judged, in a thread of its own: it delays neither outputs nor verdicts."""

    def observe(self, observation: Observation) -> None:
        """Take an observation; it holds a frame, so it should not be kept for long."""
