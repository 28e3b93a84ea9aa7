"""The report's section on k of n: what was chosen and why, and what it does when held out."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from trainer.report.tables import table
from trainer.run_folder.run import Run


def persistence(run: Run) -> str:
    """Held-out alarms and delays with the rule and without; "" where no rule was asked for."""
    found = run.metrics.get("persistence")
    if not found:
        return ""
    head = ["held-out readings", "rule", "normal", "false alarms", "share below", "faulty runs"]
    rows = [
        _cells("as chosen", found["held_out"]["chosen"]),
        _cells("each reading alone", found["held_out"]["alone"]),
    ]
    return (
        "<h2>How long a fault must last to raise an alarm</h2>"
        f"<p>{escape(found['chosen_by'])}.</p>{table([*head, 'found', 'mean delay'], rows)}"
        '<p class="note">A reading is one window of vibration, or one row. The delay counts '
        "readings until the alarm when the fault begins at any moment of its recordings, 100 where "
        "it is not found. A detector meets a condition that was not in training after a baseline. "
        "Bounds: one-sided Clopper-Pearson at 95 %, as if readings were "
        "independent. For a machine that is watched over time, not for parts of which each is "
        "heard once.</p>"
    )


def _cells(name: str, row: Mapping[str, float]) -> list[str]:
    return [
        name,
        f"{row['k']} of {row['n']}",
        str(row["normal_readings"]),
        str(row["false_alarms"]),
        f"{row['false_alarm_share_below']:.2%}",
        str(row["faulty_runs"]),
        str(row["found"]),
        f"{row['mean_delay_readings']:.1f}" if row["faulty_runs"] else "-",
    ]
