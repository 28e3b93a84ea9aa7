"""The report's section on labels and verdicts: confusion matrix, ROC, precision-recall, scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from edge_agent.contracts.run_folder import files
from edge_agent.contracts.run_folder.files import damaged
from edge_agent.contracts.run_folder.metrics import ClassMetrics
from edge_agent.contracts.run_folder.rows import Prediction
from trainer.report.figures import confusion_matrix, ranking_curves, score_histogram
from trainer.report.rendering import Table, render
from trainer.run_folder.run import FittedRun
from trainer.statistics.metrics import confusion


def ranking(run: FittedRun) -> Markup:
    """What separates labels, and good parts from defects; nothing for a predicted value."""
    if run.spec.scoring.kind == "value":
        return Markup()
    seen = [one for one in run.predictions if not run.spec.saw_no_part(one.needs_baseline)]
    bad = np.array([one.label not in run.spec.good for one in seen])
    scores = np.array([one.score for one in seen])
    two_sided = bool(bad.any()) and not bool(bad.all())
    if not run.metrics.per_class and not two_sided:
        return Markup()
    threshold = run.spec.scoring.threshold
    return render(
        "ranking.html",
        confusion=_confusion(run, seen) if run.metrics.per_class else None,
        classes=_classes(run),
        curves=ranking_curves(bad, scores, threshold) if two_sided else None,
        histogram=score_histogram(bad, scores, threshold) if two_sided else None,
        threshold=threshold,
        chosen_by=run.spec.scoring.chosen_by,
    )


def _confusion(run: FittedRun, seen: Sequence[Prediction]) -> Markup:
    """seen: the predictions of frames that show a part, as the table below it counts them."""
    labels = run.spec.labels
    for one in run.predictions:
        for column, label in (("label", one.label), ("predicted", one.predicted)):
            if label not in labels:
                what = f"{column} {label!r} is none of the run's labels"
                raise damaged(run.path / files.PREDICTIONS, what)
    index = {label: number for number, label in enumerate(labels)}
    truth = np.array([index[one.label] for one in seen], np.intp)
    predicted = np.array([index[one.predicted] for one in seen], np.intp)
    return confusion_matrix(confusion(truth, predicted, len(labels)), labels)


def _classes(run: FittedRun) -> Table:
    rows = [_class_cells(label, row) for label, row in run.metrics.per_class.items()]
    return Table(["label", "precision", "recall", "F1", "AUROC", "AP", "n"], rows)


def _class_cells(label: str, row: ClassMetrics) -> list[str]:
    if not row.n:
        return [label, *["not tested"] * 5, "0"]
    values = (row.precision, row.recall, row.f1, row.auroc, row.average_precision)
    return [label, *("-" if value is None else f"{value:.3f}" for value in values), str(row.n)]
