"""Why a part failed or has no verdict, as one word of a short list."""

from __future__ import annotations

from edge_agent.contracts.core.types import Verdict

CAUSES = (
    ("stopped by ", "stopped"),
    ("stale", "late"),
    ("late", "late"),
    ("no verdict within the deadline", "late"),
    ("no verdict before the agent ended", "ended"),
    ("needs a baseline", "unfamiliar"),
    ("unfamiliar", "unfamiliar"),
    ("unlike", "unfamiliar"),
    ("unsure", "unsure"),
    ("between", "unsure"),
    ("the model was trained at", "sensor"),
    ("fault", "fault"),
    ("the queue", "late"),
    ("dropped", "late"),
    ("dark", "camera"),
    ("bright", "camera"),
    ("frozen", "camera"),
    ("blur", "camera"),
    ("frame", "camera"),
    ("lens", "camera"),
    ("camera", "camera"),
    ("sensor", "sensor"),
    ("tag", "sensor"),
)
"""Words of a reason, the first that is found counts."""


def cause(verdict: Verdict, reason: str) -> str:
    """`good`, `defect`, or why there is no verdict; `other` where no word is known."""
    if verdict == Verdict.PASS:
        return "good"
    if verdict == Verdict.FAIL:
        return "defect"
    words = reason.lower()
    return next((found for word, found in CAUSES if word in words), "other")
