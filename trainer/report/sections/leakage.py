"""The report's section on near-duplicates that leak through a split."""

from __future__ import annotations

from markupsafe import Markup

from edge_agent.contracts.run_folder.metrics import Metric
from trainer.report.rendering import Table, render
from trainer.report.words import as_sentence, interval_text, title_of, value_text
from trainer.run_folder.run import FittedRun


def leakage(run: FittedRun) -> Markup:
    """What the search for copies found; both splits' figures where both were fitted."""
    findings = run.metrics.copies
    if not findings:
        return Markup()
    sentences = [as_sentence(finding) for finding in findings]
    return render("leakage.html", findings=sentences, comparison=_comparison(run))


def _comparison(run: FittedRun) -> Table | None:
    given = run.metrics.split_as_given
    if given is None:
        return None
    held_out = run.metrics.held_out.present()
    rows = [
        [title_of(name), _cell(name, metric), _cell(name, held_out[name])]
        for name, metric in given.figures.present().items()
        if name in held_out
    ]
    head = ["", "as the folders split it", "grouped: no near-duplicate on both sides"]
    return Table(head, rows)


def _cell(name: str, metric: Metric) -> str:
    return f"{value_text(name, metric.value)} ({interval_text(name, metric)})"
