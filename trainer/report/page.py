"""report.html: one self-contained page, made from the run folder alone.

A section is a function Run -> HTML, or "" where it has nothing to say; SECTIONS is their order.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import numpy as np

from edge_agent.contracts.core.files import write_atomic
from trainer.report import figures
from trainer.report.card import NOT_TESTED, write_card
from trainer.report.sections.alarm_rule import persistence
from trainer.report.sections.augmentations import contact_sheet
from trainer.report.sections.leakage import copies, nuisance, where
from trainer.report.sections.mistakes import MOST as MOST_SHOWN
from trainer.report.sections.mistakes import Mistake, picture, worst
from trainer.report.sections.process import opponent, values
from trainer.report.sections.saliency import looked
from trainer.report.sections.thresholds import promise
from trainer.report.tables import table
from trainer.report.words import as_sentence, called, interval, rivalled, sentence, written
from trainer.run_folder.reading import damaged, finite_number, refuse_no_number
from trainer.run_folder.run import Run
from trainer.statistics.metrics import confusion

Section = Callable[[Run], str]
TILES = (
    "rmse",
    "mae",
    "interval_coverage",
    "detected",
    "false_reject",
    "accuracy",
    "auroc",
    "macro_f1",
    "window_accuracy",
)
MOST_TILES = 4
LOOK_FOR = {
    "image": "bad light and defects nobody named",
    "vibration": "loose sensors and faults nobody named",
    "tabular": "wrong entries and causes that no tag measures",
}


def write_report(run: Run) -> None:
    """Write report.html and card.md into the run."""
    write_atomic(run.path / "report.html", page(run).encode())
    write_card(run)


def page(run: Run) -> str:
    """The whole document; it loads nothing from anywhere."""
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    body = "".join(f"<section>{text}</section>" for part in SECTIONS if (text := part(run)))
    title = escape(run.spec.name)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style}</style></head><body><main>{_head(run)}{body}</main></body></html>\n"
    )


def results(run: Run) -> str:
    """All figures, and the trivial baselines beside the model."""
    held, baselines = run.metrics["held_out"], run.metrics["baselines"]
    if not held:
        return ""
    rows = [
        [called(n), written(n, f["value"]), interval(n, f), str(f["n"]), f["interval"]]
        for n, f in held.items()
    ]
    text = "<h2>Figures on held-out samples</h2>" + table(
        ["", "value", "95 % interval", "n", "interval by"], rows
    )
    return text + (_baselines(run) if baselines else "")


def ranking(run: Run) -> str:
    """Confusion matrix, ROC, precision-recall and scores."""
    labels, rows = run.spec.labels, run.predictions
    if run.spec.scoring.kind == "value":
        return ""
    parts = ["<h2>Labels and verdicts</h2>"]
    if run.metrics["per_class"]:
        _refuse_strange_labels(run)
        place = {label: number for number, label in enumerate(labels)}
        truth = np.array([place[row["label"]] for row in rows])
        said = np.array([place[row["predicted"]] for row in rows])
        matrix = figures.confusion_matrix(confusion(truth, said, len(labels)), labels)
        parts.append(f'<div class="pair"><div>{matrix}</div><div>{_classes(run)}</div></div>')
    bad = np.array([row["label"] not in run.spec.good for row in rows])
    scores = np.array([float(row["score"]) for row in rows])
    if bad.any() and not bad.all():
        cut = run.spec.scoring.threshold
        parts.append(
            f"<h3>How well defects stand out</h3>{figures.ranking_curves(bad, scores, cut)}"
        )
        parts.append(figures.score_histogram(bad, scores, cut))
        rule = escape(run.spec.scoring.chosen_by)
        parts.append(f'<p class="note">Threshold {cut:.4g}, chosen on validation data: {rule}.</p>')
    return "".join(parts) if len(parts) > 1 else ""


def curves(run: Run) -> str:
    """How the training went."""
    history = run.table("history.csv")
    if not history or "loss" not in history[0]:
        return ""
    _refuse_bad_history(run, history)
    return f"<h2>Training</h2>{figures.learning_curves(history)}"


def gallery(run: Run) -> str:
    """The 24 worst mistakes, or the closest calls where there are fewer."""
    if run.spec.scoring.kind == "value":
        return ""
    every = worst(run, len(run.predictions))
    shown = every[:MOST_SHOWN]
    wrong = sum(mistake.kind != "close call" for mistake in every)
    total = "no mistake" if not wrong else f"{wrong} mistake{'s' if wrong > 1 else ''}"
    rest = ", then the closest calls" if wrong < len(shown) else ""
    if wrong > len(shown):
        total = f"the {len(shown)} worst of {total}"
    wide = "" if run.spec.input.kind == "image" else " wide"
    items = "".join(_figure(run, mistake) for mistake in shown)
    return (
        f"<h2>Worst mistakes</h2><p>What the network saw: {total}{rest}. Look for wrong labels, "
        f'{LOOK_FOR[run.spec.input.kind]}.</p><div class="gallery{wide}">{items}</div>'
    )


def data(run: Run) -> str:
    """Samples and groups per label and split; the protocol; what was decided."""
    counts: dict[tuple[str, str], int] = {}
    groups: dict[str, set[str]] = {}
    for row in run.table("splits.csv"):
        counts[row["label"], row["split"]] = counts.get((row["label"], row["split"]), 0) + 1
        groups.setdefault(row["label"], set()).add(row["group"] or row["path"])
    splits = ("train", "val", "test")
    rows = [
        [label, _side(run, label), str(len(groups[label]))]
        + [str(counts.get((label, split), 0)) for split in splits]
        for label in sorted(groups)
    ]
    head = ["label", "", "groups", "training", "validation", "held out"]
    decided = "".join(f'<li class="note">{escape(said)}</li>' for said in run.metrics["decisions"])
    return (
        f"<h2>Data and protocol</h2><p>{escape(as_sentence(run.metrics['protocol']))}</p>"
        f"{table(head, rows, 2)}<ul>{decided}</ul>"
    )


def _side(run: Run, label: str) -> str:
    """Whether parts of this label pass; a value that is foretold is neither."""
    if run.spec.scoring.kind == "value":
        return ""
    return "good" if label in run.spec.good else "defect"


def limits(run: Run) -> str:
    """What the figures do not say, and where the model came from."""
    rows = [
        ["data set", run.config.dataset],
        ["data set sha256", run.provenance.dataset_sha256],
        ["seed", str(run.provenance.seed)],
        ["trained", run.provenance.created_at],
        *[[name, v] for name, v in run.provenance.trained_with.items()],
    ]
    notes = "".join(f"<p>{escape(as_sentence(note))}</p>" for note in run.metrics["notes"])
    return f"<h2>What was not tested</h2><p>{NOT_TESTED}</p>{notes}<h3>Made from</h3>" + table(
        ["", ""], rows, 2
    )


SECTIONS: tuple[Section, ...] = (
    results,
    promise,
    persistence,
    copies,
    opponent,
    values,
    ranking,
    nuisance,
    where,
    gallery,
    looked,
    curves,
    contact_sheet,
    data,
    limits,
)
"""The report's sections in order."""


def _refuse_bad_history(run: Run, history: list[dict[str, str]]) -> None:
    path = run.path / "history.csv"
    if "epoch" not in history[0]:
        raise damaged(path, "has no column 'epoch'")
    for number, row in enumerate(history, start=1):
        finite_number(path, number, "epoch", row["epoch"])
        for column, cell in row.items():
            refuse_no_number(path, number, column, cell or "nan")


def _refuse_strange_labels(run: Run) -> None:
    for row in run.predictions:
        for column in ("label", "predicted"):
            if row[column] not in run.spec.labels:
                what = f"{column} {row[column]!r} is none of the run's labels"
                raise damaged(run.path / "predictions.csv", what)


def _head(run: Run) -> str:
    held = run.metrics["held_out"]
    shown = [name for name in TILES if name in held][:MOST_TILES]
    tiles = "".join(
        f'<div class="tile"><div class="name">{escape(called(name))}</div>'
        f'<div class="value">{written(name, held[name]["value"])}</div>'
        f'<div class="range">95 %: {interval(name, held[name])}</div></div>'
        for name in shown
    )
    under = f"{run.spec.architecture} · {run.spec.task} · {run.provenance.created_at[:10]}"
    return (
        f'<header><h1>{escape(run.spec.name)}</h1><p class="under">{escape(under)}</p>'
        f'<p class="result">{escape(sentence(held, run.spec.good))}</p>{_warning(run)}'
        f'<div class="tiles">{tiles}</div></header>'
    )


def _warning(run: Run) -> str:
    said = rivalled(run.metrics["held_out"], run.metrics["baselines"])
    return f'<p class="warning">{escape(said)}</p>' if said else ""


def _baselines(run: Run) -> str:
    held, baselines = run.metrics["held_out"], run.metrics["baselines"]
    key = "auroc" if any("auroc" in row for row in baselines.values()) else "accuracy"
    rows = [
        [name, written(key, row[key]["value"]), interval(key, row[key])]
        for name, row in baselines.items()
        if key in row
    ]
    if not rows:
        return ""
    if key in held:
        mine = held[key]
        network = f"this network ({run.spec.architecture})"
        rows.insert(0, [network, written(key, mine["value"]), interval(key, mine)])
    said = (
        "Rules that need no network, on the same samples. Where one of them is as good, the "
        "network has learnt nothing that they do not know."
    )
    return f'<h3>Beside the simplest rules</h3><p class="note">{said}</p>' + table(
        ["", called(key), "95 % interval"], rows
    )


def _classes(run: Run) -> str:
    keys = ("precision", "recall", "f1", "auroc", "average_precision")
    rows = [
        [label, *(f"{row[key]:.3f}" if key in row else "-" for key in keys), str(row["n"])]
        for label, row in run.metrics["per_class"].items()
    ]
    return table(["label", "precision", "recall", "F1", "AUROC", "AP", "n"], rows)


def _figure(run: Run, mistake: Mistake) -> str:
    badge = f'<span class="badge {mistake.kind.replace(" ", "-")}">{mistake.kind}</span>'
    words = escape(mistake.label)
    if mistake.predicted != mistake.label:
        words += f" → {escape(mistake.predicted)}"
    name = "/".join(Path(mistake.path).parts[-2:])
    return (
        f"<figure>{picture(run, mistake)}<figcaption>{badge} {words}<br>score {mistake.score:.3f}"
        f'<br><span class="file" title="{escape(mistake.path)}">{escape(name)}</span>'
        "</figcaption></figure>"
    )
