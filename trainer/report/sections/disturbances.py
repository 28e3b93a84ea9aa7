"""The report's sections on disturbed images and on the place of the defect."""

from __future__ import annotations

from markupsafe import Markup

from edge_agent.contracts.run_folder.metrics import ClippingMetrics
from trainer.report.rendering import Table, render
from trainer.report.words import interval_text, title_of, value_text
from trainer.run_folder.run import FittedRun

SHOWN = ("accuracy", "recall_at_1pct_false_reject", "auroc", "false_reject")
TITLES = {"pixel_auroc": "AUROC of pixels", "pro": "PRO up to 30 % false alarms"}


def disturbances(run: FittedRun) -> Markup:
    """What light, motion and other disturbances do to the held-out verdicts."""
    figures = run.metrics.disturbances
    if not figures:
        return Markup()
    shown = [key for key in SHOWN if all(getattr(row, key) is not None for row in figures.values())]
    rows = [
        [
            name,
            f"{100 * row.verdicts_changed:.1f} %",
            *(value_text(key, getattr(row, key)) for key in shown),
        ]
        for name, row in figures.items()
    ]
    head = ["", "Verdicts that change", *(title_of(key) for key in shown)]
    count = next(iter(figures.values())).n
    gate = run.spec.familiarity
    return render(
        "disturbances.html",
        count=count,
        rows=Table(head, rows),
        strange=_strange_images(run),
        gate=gate.chosen_by if gate else "",
        clipping=_clipping(run.metrics.clipping),
    )


def _clipping(found: ClippingMetrics | None) -> str:
    """What of the training pictures is black or white; "" where nobody looked."""
    if found is None:
        return ""
    pictures = f"{found.n} {'good ' if found.good else ''}training pictures"
    return (
        f"Of the colour values of {pictures}, {100 * found.white:.1f} % are at 255 and "
        f"{100 * found.black:.1f} % at 0 as the camera gave them: nothing can be told apart there. "
        f"The preparation clips {100 * found.prepared:.1f} % of the others."
    )


def _strange_images(run: FittedRun) -> Table | None:
    """What the gate of familiarity does with strange images and with held-out parts."""
    rows = [
        [
            name,
            f"{100 * row.refused.value:.1f} %",
            interval_text("refused", row.refused),
            f"{100 * row.passed:.1f} %",
            f"{100 * row.passed_without_gate:.1f} %",
            str(row.n),
        ]
        for name, row in run.metrics.strange_images.items()
    ]
    head = [
        "",
        "NO-VERDICT, unfamiliar",
        "95 % interval",
        "PASS",
        "PASS without the gate",
        "images",
    ]
    return Table(head, rows) if rows else None


def localisation(run: FittedRun) -> Markup:
    """How well the heat map finds the defect, where masks say where it is."""
    figures = run.metrics.localisation
    rows = [
        [title, value_text(key, metric.value), interval_text(key, metric), str(metric.n)]
        for key, title in TITLES.items()
        if (metric := getattr(figures, key)) is not None
    ]
    if not rows:
        return Markup()
    head = ["", "value", "95 % interval", "images"]
    return render("localisation.html", rows=Table(head, rows))
