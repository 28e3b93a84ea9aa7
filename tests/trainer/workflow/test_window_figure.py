"""The figure over folds is a mean of folds; an option that is tried takes nothing from the rest."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.config.fit import FitConfig
from trainer.workflow.crossval import window_figure, with_options


def test_each_fold_counts_the_same_however_many_windows_it_has() -> None:
    small = (np.array([True, True]), ["a", "b"])
    large = (np.array([False] * 6 + [True] * 2), list("cdefghij"))
    figure = window_figure([small, large])
    assert figure.value == pytest.approx((1.0 + 0.25) / 2)
    assert figure.ci95[0] <= figure.value <= figure.ci95[1]


def test_options_are_added_to_those_of_the_configuration() -> None:
    config = FitConfig(options={"bins": 24, "level": "shape"})
    changed = with_options(config, {"bins": 48})
    assert changed.options == {"bins": 48, "level": "shape"}
    assert config.options["bins"] == 24
