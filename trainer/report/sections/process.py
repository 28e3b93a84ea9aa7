"""Sections of the report for process data only: predicted values, and gradient boosting."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from trainer.report.figures import scatter
from trainer.report.rendering import render
from trainer.run_folder.run import FittedRun


def values(run: FittedRun) -> Markup:
    """Predicted against true values, with the interval of each."""
    if run.spec.scoring.kind != "value":
        return Markup()
    truth = np.array([one.true_value for one in run.predictions])
    predicted = np.array([one.score for one in run.predictions])
    pairs = [(one.low, one.high) for one in run.predictions]
    ends = np.array([(np.nan, np.nan) if None in pair else pair for pair in pairs], np.float64)
    name = run.spec.labels[0]
    return render("values.html", name=name, scatter=scatter(truth, predicted, ends, name))


def gbm_reference(run: FittedRun) -> Markup:
    """The network against gradient boosting on the same rows."""
    reference = run.metrics.gbm_reference
    return render("gbm_reference.html", sentence=reference.sentence) if reference else Markup()
