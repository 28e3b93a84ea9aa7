"""The report's section on near-duplicates that leak through a split."""

from __future__ import annotations

from markupsafe import Markup

from edge_agent.contracts.run_folder.metrics import Metric
from trainer.report.rendering import Table, render
from trainer.report.sections.gallery import shown_groups
from trainer.report.words import as_sentence, interval_text, title_of, value_text
from trainer.run_folder.run import FittedRun


def leakage(run: FittedRun) -> Markup:
    """What the search for copies found; the figures with and without what leaks where the given
    split has copies on both sides; pictures of the largest groups.
    """
    findings, groups = run.metrics.copies, run.metrics.copy_groups
    if not findings and not groups:
        return Markup()
    return render(
        "leakage.html",
        findings=[as_sentence(finding) for finding in findings],
        comparison=_comparison(run),
        groups=render("copy_groups.html", groups=shown_groups(groups, run.thumbnails)),
    )


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
    without = "grouped: no near-duplicate on both sides"
    if given.copied is not None:
        without = f"without the {given.copied} that have a near-duplicate in training"
    head = ["", "as the folders split it", without]
    return Table(head, rows)


def _cell(name: str, metric: Metric) -> str:
    return f"{value_text(name, metric.value)} ({interval_text(name, metric)})"
