"""The networks that the station's channels judge by, as the page needs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.contracts.model.scoring import Scoring


@dataclass(frozen=True)
class ModelView:
    """One channel's network. own: its scoring as the workshop proved it; set_scoring: takes effect
    from the next item on; can_move: whether the station may move its threshold.
    """

    channel: str
    bundle: str
    labels: tuple[str, ...]
    good: tuple[str, ...]
    own: Scoring
    can_move: bool
    set_scoring: Callable[[Scoring], None]
