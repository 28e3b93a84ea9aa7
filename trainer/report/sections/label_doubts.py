"""The report's section on training samples whose labels the network doubts."""

from __future__ import annotations

from markupsafe import Markup

from edge_agent.contracts.run_folder.metrics import DoubtedLabel
from trainer.report.rendering import Table, render
from trainer.report.sections.gallery import shown
from trainer.run_folder.run import FittedRun


def label_doubts(run: FittedRun) -> Markup:
    """The surest doubts with pictures; nothing where no cross-fitted network judged the labels."""
    found = run.metrics.label_doubts
    if found is None:
        return Markup()
    rows = [_cells(one) for one in found.surest]
    head = ["sample", "label", "the network says", "its belief", "in the label"]
    return render(
        "label_doubts.html",
        judged=found.judged,
        doubted=found.doubted,
        cut=found.doubted > len(found.surest),
        count=len(found.surest),
        table=Table(head, rows, 3),
        pictures=[
            shown(run.thumbnails, one.path, f"labelled {one.label}", f"looks like {one.suggested}")
            for one in found.surest
        ],
    )


def _cells(one: DoubtedLabel) -> list[str]:
    return [one.path, one.label, one.suggested, f"{one.belief:.1%}", f"{one.in_given:.1%}"]
