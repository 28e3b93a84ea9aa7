"""The report's sections on all figures beside trivial baselines, and on how training went."""

from __future__ import annotations

from markupsafe import Markup

from edge_agent.contracts.run_folder.metrics import Metric
from trainer.report.figures import learning_curves
from trainer.report.rendering import Table, render
from trainer.report.words import interval_text, title_of, value_text
from trainer.run_folder.run import FittedRun


def results(run: FittedRun) -> Markup:
    """All figures, and the trivial baselines beside the model."""
    held_out = run.metrics.held_out.present()
    if not held_out:
        return Markup()
    rows = [
        [title_of(n), value_text(n, m.value), interval_text(n, m), str(m.n), m.interval]
        for n, m in held_out.items()
    ]
    figures = Table(["", "value", "95 % interval", "n", "interval by"], rows)
    return render("results.html", figures=figures, baselines=_baselines(run))


def training(run: FittedRun) -> Markup:
    """Loss and accuracy by epoch."""
    history = run.history()
    if "loss" not in history:
        return Markup()
    return render("training.html", curves=learning_curves(history))


def _baselines(run: FittedRun) -> Table | None:
    baselines = run.metrics.baselines
    ranked = any(row.auroc for row in baselines.values())
    key = "auroc" if ranked else "accuracy"
    metrics: dict[str, Metric | None] = {
        f"this network ({run.spec.architecture})": getattr(run.metrics.held_out, key),
        **{name: row.auroc if ranked else row.accuracy for name, row in baselines.items()},
    }
    rows = [
        [name, value_text(key, metric.value), interval_text(key, metric)]
        for name, metric in metrics.items()
        if metric is not None
    ]
    return Table(["", title_of(key), "95 % interval"], rows) if baselines else None
