"""The report's sections on copies that leak through a split, and on disturbed images."""

from __future__ import annotations

from html import escape

from trainer.report.tables import table
from trainer.report.words import called, interval, written
from trainer.run import Run


def copies(run: Run) -> str:
    """What the search for copies found; the naive score beside the honest one where both exist."""
    found = run.metrics.get("copies", [])
    if not found:
        return ""
    said = "".join(f"<p>{escape(sentence)}.</p>" for sentence in found)
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
