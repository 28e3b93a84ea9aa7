"""The report's sections on copies that leak through a split, and on disturbed images."""

from __future__ import annotations

from html import escape

from trainer.report.tables import table
from trainer.report.words import as_sentence, called, interval, written
from trainer.run_folder.run import Run


def copies(run: Run) -> str:
    """What the search for copies found; the naive score beside the honest one where both exist."""
    found = run.metrics.get("copies", [])
    if not found:
        return ""
    said = "".join(f"<p>{escape(as_sentence(sentence))}</p>" for sentence in found)
    return f"<h2>Copies in the data</h2>{said}{_both(run)}"


def _both(run: Run) -> str:
    naive = run.metrics.get("naive")
    if not naive:
        return ""
    held = run.metrics["held_out"]
    rows = [
        [
            called(name),
            f"{written(name, row['value'])} ({interval(name, row)})",
            f"{written(name, held[name]['value'])} ({interval(name, held[name])})",
        ]
        for name, row in naive["figures"].items()
        if name in held
    ]
    head = ["", "naive: as the folders split it", "honest: no copy on both sides"]
    why = (
        "The naive score is what a split reports that has copies of its test pictures in training. "
        "Only the honest score says what to expect of new parts."
    )
    return f"<p>{why}</p>" + table(head, rows)


def nuisance(run: Run) -> str:
    """What a little light and a little motion do to the held-out verdicts."""
    found = run.metrics.get("nuisance", {})
    if not found:
        return ""
    keys = ["accuracy", "recall_at_1pct_false_reject", "auroc", "false_reject"]
    shown = [key for key in keys if all(key in row for row in found.values())]
    rows = [
        [name, f"{100 * row['verdicts_changed']:.1f} %", *(written(key, row[key]) for key in shown)]
        for name, row in found.items()
    ]
    count = next(iter(found.values()))["n"]
    said = (
        f"{count} held-out samples, disturbed by what a line does every day. A verdict that "
        "changes here will change there."
    )
    head = ["", "Verdicts that change", *(called(key) for key in shown)]
    return f"<h2>Light and position</h2><p>{said}</p>{table(head, rows)}"


def where(run: Run) -> str:
    """How well the heat map finds the defect, where masks say where it is."""
    found = run.metrics.get("localisation", {})
    if not found:
        return ""
    names = {"pixel_auroc": "AUROC of pixels", "pro": "PRO up to 30 % false alarms"}
    rows = [
        [names[key], written(key, row["value"]), interval(key, row), str(row["n"])]
        for key, row in found.items()
    ]
    head = ["", "value", "95 % interval", "images"]
    return f"<h2>Where the defect is</h2>{table(head, rows)}"
