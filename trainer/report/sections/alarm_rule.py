"""The report's section on the alarm rule (k of n): what was chosen, and what it does held-out."""

from __future__ import annotations

from markupsafe import Markup

from edge_agent.contracts.run_folder.metrics import AlarmRuleCounts
from trainer.report.rendering import Table, render
from trainer.run_folder.run import FittedRun


def alarm_rule(run: FittedRun) -> Markup:
    """Held-out alarms and delays with the rule and without; nothing where none was asked for."""
    tally = run.metrics.alarm_rule
    if tally is None:
        return Markup()
    head = ["held-out readings", "rule", "normal", "false alarms", "share below", "faulty runs"]
    rows = [_cells("as chosen", tally.chosen), _cells("each reading alone", tally.alone)]
    counts = Table([*head, "found", "mean delay"], rows)
    return render("alarm_rule.html", chosen_by=tally.chosen_by, counts=counts)


def _cells(name: str, row: AlarmRuleCounts) -> list[str]:
    return [
        name,
        f"{row.k} of {row.n}",
        str(row.normal_readings),
        str(row.false_alarms),
        f"{row.false_alarm_share_below:.2%}",
        str(row.faulty_runs),
        str(row.found),
        f"{row.mean_delay_readings:.1f}" if row.faulty_runs else "-",
    ]
