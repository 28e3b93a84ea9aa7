"""The report's sections on the data and the protocol, and on what was not tested."""

from __future__ import annotations

from collections import Counter, defaultdict

from markupsafe import Markup

from trainer.report.card import NOT_TESTED
from trainer.report.rendering import Table, render
from trainer.report.words import as_sentence
from trainer.run_folder.run import FittedRun

SIDES = ("train", "val", "test")


def data(run: FittedRun) -> Markup:
    """Samples and groups by label and side of the split; the protocol; what was decided."""
    samples = run.splits()
    counts = Counter((one.label, one.split) for one in samples)
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for one in samples:
        groups[one.label].add(one.group or one.path)
    rows = [
        [label, _kind(run, label), str(len(groups[label]))]
        + [str(counts[label, side]) for side in SIDES]
        for label in sorted(groups)
    ]
    head = ["label", "", "groups", "training", "validation", "held out"]
    return render(
        "data.html",
        protocol=as_sentence(run.metrics.protocol),
        counts=Table(head, rows, 2),
        decisions=run.metrics.decisions,
    )


def limits(run: FittedRun) -> Markup:
    """What the figures do not cover, and where the model came from."""
    rows = [
        ["data set", run.config.dataset],
        ["data set sha256", run.provenance.dataset_sha256],
        ["seed", str(run.provenance.seed)],
        ["trained", run.provenance.created_at],
        *[[name, version] for name, version in run.provenance.trained_with.items()],
    ]
    return render(
        "limits.html",
        not_tested=NOT_TESTED,
        notes=[as_sentence(note) for note in run.metrics.notes],
        origin=Table(["", ""], rows, 2),
    )


def _kind(run: FittedRun, label: str) -> str:
    """Whether parts of this label pass; '' for a predicted value."""
    if run.spec.scoring.kind == "value":
        return ""
    return "good" if label in run.spec.good else "defect"
