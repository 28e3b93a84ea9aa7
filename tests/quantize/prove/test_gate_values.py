"""The gate for regressions: labels of the samples are the true values."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.core.errors import GateError
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.process.input import Feature, TabularInput, Tag
from edge_agent.contracts.run_folder.rows import Prediction
from quantize.prove.gate import Limits, compare_samples, enforce

SPEC = ModelSpec(
    name="life",
    task="tabular-regression",
    architecture="test",
    labels=["cycles left"],
    good=[],
    input=TabularInput(tags=[Tag(name="heat")], features=[Feature(of="heat", edges=[0, 1])]),
    scoring=Scoring(kind="value", worse="low", threshold=20, full_scale=125),
)


def foretold(error: float) -> list[Prediction]:
    """200 values, each wrong by `error` in turn upwards and downwards."""
    truth = np.linspace(1, 120, 200)
    return [
        Prediction(
            row,
            f"log.csv#{row}",
            f"{value:.9g}",
            "cycles left",
            float(value + (error if row % 2 else -error)),
            "FAIL" if value <= 20 else "PASS",
        )
        for row, value in enumerate(truth)
    ]


def test_small_growth_of_the_error_is_held() -> None:
    comparison = compare_samples(SPEC, foretold(10.0), foretold(10.1), Limits())
    assert [(m.name, m.status) for m in comparison.metrics] == [
        ("rmse", "held"),
        ("agreement", "held"),
    ]
    assert comparison.metrics[0].before == pytest.approx(10.0)
    assert enforce(comparison, []) == []


def test_larger_growth_is_refused_in_words_and_can_be_waived() -> None:
    comparison = compare_samples(SPEC, foretold(10.0), foretold(10.5), Limits())
    with pytest.raises(GateError, match=r"rmse rose from 10\.0000 to 10\.5000"):
        enforce(comparison, [])
    assert len(enforce(comparison, ["rmse"])) == 1
