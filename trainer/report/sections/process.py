"""Sections of the report that only process data has: foretold values, and the opponent."""

from __future__ import annotations

from html import escape

import numpy as np

from trainer.report.figures import scatter
from trainer.run_folder.run import Run


def values(run: Run) -> str:
    """Foretold against true values, with the interval of each."""
    if run.spec.scoring.kind != "value":
        return ""
    rows = run.predictions
    truth = np.array([float(row["label"]) for row in rows])
    said = np.array([float(row["score"]) for row in rows])
    ends = np.array([[float(row["low"]), float(row["high"])] for row in rows])
    name = escape(run.spec.labels[0])
    return f"<h2>Foretold and true {name}</h2>{scatter(truth, said, ends, run.spec.labels[0])}"


def opponent(run: Run) -> str:
    """Who won against gradient boosting."""
    found = run.metrics.get("opponent") or {}
    if not found:
        return ""
    return (
        f"<h2>Beside gradient boosting</h2><p>{escape(found['sentence'])}</p>"
        '<p class="note">Both learnt from the same training rows and were judged on the same '
        "held-out rows; the station runs only the network.</p>"
    )
