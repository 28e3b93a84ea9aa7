"""The report's section on the threshold: what it costs, and what is proven of it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from trainer.report.tables import table
from trainer.run_folder.run import Run

Row = Mapping[str, float]


def promise(run: Run) -> str:
    """Counts, bounds and costs of the threshold; "" where nobody asked for a rule."""
    found = run.metrics.get("promise")
    if not found:
        return ""
    head = ["", "bad parts", "escape", "share below", "good parts", "rejected", "share below"]
    rows = [
        _cells("parts the threshold was chosen on", found["chosen_on"]),
        _cells("held-out parts", found["held_out"]),
    ]
    return (
        f"<h2>Threshold and its cost</h2><p>{escape(found['rule'])}. {_proof(found)}</p>"
        f'{table(head, rows)}<p class="note">Bounds: one-sided Clopper-Pearson at 95 %. Only the '
        f"row of held-out parts is free of the choice.</p>{_costs(found)}"
    )


def _cells(name: str, row: Row) -> list[str]:
    return [
        name,
        f"{row['bad']:.0f}",
        f"{row['escapes']:.0f}",
        f"{row['escape_share_below']:.2%}",
        f"{row['good']:.0f}",
        f"{row['rejects']:.0f}",
        f"{row['reject_share_below']:.2%}",
    ]


def _proof(found: Mapping[str, object]) -> str:
    if str(found["rule"]).startswith("least"):
        return "Expected, not promised: the bounds say how far so few parts can be wrong."
    if found["proven"]:
        return "The parts at hand carry this."
    kind = "good" if found["more_good"] else "bad"
    more = found[f"more_{kind}"]
    return f"<b>Not proven: {more} more {kind} parts without an error would prove it.</b>"


def _costs(found: Mapping[str, Mapping[str, float]]) -> str:
    if not found["costs"]:
        return ""
    rows = [
        [
            name,
            f"{found[key]['cost_per_1000']:.2f}",
            f"{found[key]['cost_per_1000_below']:.2f}",
            f"{found[key]['escape_ppm']:.0f}",
            f"{found[key]['escape_ppm_below']:.0f}",
        ]
        for name, key in (("chosen on", "chosen_on"), ("held out", "held_out"))
    ]
    head = ["", "expected cost of 1,000 parts", "at most", "escapes in ppm", "at most"]
    return table(head, rows)
