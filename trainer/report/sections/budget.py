"""The report's section on time: accuracy against milliseconds that a cost table predicts."""

from __future__ import annotations

from markupsafe import Markup

from edge_agent.contracts.run_folder.metrics import BudgetMetrics, BudgetPoint
from trainer.report.figures import accuracy_against_ms
from trainer.report.rendering import Table, render
from trainer.run_folder.run import FittedRun

MOST_ROWS = 12


def budget(run: FittedRun) -> Markup:
    """What was compared, and what was chosen; nothing where no target was named."""
    found = run.metrics.budget
    if found is None:
        return Markup()
    measured = [one for one in found.points if one.merit is not None]
    return render(
        "budget.html",
        target=found.target,
        ms=f"{found.predicted_ms:.3g}",
        budget_ms=f"{found.budget_ms:g}",
        over=found.predicted_ms > found.budget_ms,
        chart=accuracy_against_ms(measured, found.budget_ms, found.merit_name)
        if measured
        else None,
        points=_table(found),
        note=_note(found),
    )


def _table(found: BudgetMetrics) -> Table:
    """The chosen variant and those nearest to it in worth, the fastest first."""
    ranked = sorted(found.points, key=lambda one: (not one.chosen, -(one.merit or 0), one.ms))
    shown = sorted(ranked[:MOST_ROWS], key=lambda one: one.ms)
    return Table(["variant", "predicted ms", found.merit_name or "-", ""], [*map(_cells, shown)])


def _cells(point: BudgetPoint) -> list[str]:
    merit = "-" if point.merit is None else f"{point.merit:.3f}"
    return [point.name, f"{point.ms:.3g}", merit, "chosen" if point.chosen else ""]


def _note(found: BudgetMetrics) -> str:
    how = (
        "The variant was chosen by training samples alone: the best, and of those that differ by "
        "no more than one sample (of vibration: one window) the fastest."
        if any(one.merit is not None for one in found.points)
        else "Variants of this model are not compared: the largest input that fits is taken."
    )
    return (
        f"Predicted from operators and multiply-accumulates, within a factor of {found.within:g}: "
        f"{found.source}. lineside-quantize bench measures it on the board. {how}"
    )
