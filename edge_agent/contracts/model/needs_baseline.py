"""Which verdicts of a sample a station withholds: its machine's condition is unknown, or its frame
shows no part that could be cut out.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from edge_agent.contracts.core.types import Verdict

NeedsBaseline: TypeAlias = Literal["", "alarm", "always"]
"""Never; in the place of an alarm; or whatever the score is, as at a stated speed that is new, or
without a part.
"""


def withheld(verdict: Verdict, needs: NeedsBaseline) -> bool:
    """Whether the station says "needs a baseline" in the place of this verdict."""
    if verdict == Verdict.NO_VERDICT:
        return False
    return needs == "always" or (needs == "alarm" and verdict == Verdict.FAIL)
