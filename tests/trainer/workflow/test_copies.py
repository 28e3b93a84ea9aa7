from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.prepare import prepare
from trainer.data.split import plan_split
from trainer.evaluation.held_out import outcome_of
from trainer.evaluation.outcome import figures
from trainer.workflow.copies import with_copies
from trainer.workflow.experiment import run_experiment


@pytest.mark.slow
def test_the_copies_are_judged_by_the_same_network_with_the_rest(plates: Path) -> None:
    """The figures are those of the whole held-out part, judged by it at once."""
    split = plan_split(load_dataset(plates), FitConfig())
    config = FitConfig(epochs=1, batch=16, weights="none", image=ImageTable(size_px=32))
    experiment = run_experiment(replace(split, test=split.test[::3]), config, "plates")
    copied = np.setdiff1d(split.test, split.test[::3])
    found = with_copies(experiment, copied, SilentProgress())
    inputs = prepare(
        split.dataset, split.test, experiment.spec.input, SilentProgress(), "all of them"
    )
    judged = experiment.judged_held_out.judge(inputs, split.test)
    expected = figures(outcome_of(split, experiment.spec, judged))
    assert found is not None
    assert found.copied == len(copied)
    given = found.figures.present()
    assert given["accuracy"].n == len(split.test)
    for name in ("accuracy", "macro_f1", "auroc"):
        assert given[name].value == pytest.approx(expected[name].value, abs=1e-6)
    assert with_copies(experiment, np.empty(0, np.intp), SilentProgress()) is None
