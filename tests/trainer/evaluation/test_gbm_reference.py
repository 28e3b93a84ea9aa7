"""The boosted reference: its features by hand, and which of the two is called better."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.run_folder.metrics import Metric
from trainer.evaluation.gbm_reference import _report, _trailing_mean, _window_features


@pytest.mark.parametrize("window", [1, 3, 50])
def test_a_trailing_mean_begins_with_the_rows_that_are_there(window: int) -> None:
    rows = np.random.default_rng(1).normal(size=(12, 2))
    expected = [rows[max(0, end - window) : end].mean(axis=0) for end in range(1, 13)]
    np.testing.assert_allclose(_trailing_mean(rows, window), expected, atol=1e-12)


def test_features_of_a_window_are_the_row_the_mean_and_the_change_of_the_recent_half() -> None:
    rows = np.array([[2.0], [4.0], [6.0], [8.0]])
    features = _window_features(rows, 4)
    np.testing.assert_allclose(features[-1], [8.0, 5.0, 7.0 - 2.0])
    np.testing.assert_allclose(features[0], [2.0, 2.0, 0.0])


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.2, "The network is ahead"),
        (-0.2, -0.01, "Gradient boosting is ahead"),
        (-0.1, 0.1, "Neither is proven better"),
        (0.0, 0.1, "Neither is proven better"),
    ],
)
def test_who_is_called_better_needs_an_interval_without_zero(
    low: float, high: float, words: str
) -> None:
    ahead = Metric((low + high) / 2, (low, high), 50, "bootstrap")
    report = _report("average_precision", Metric(0.8, (0.7, 0.9), 50, "bootstrap"), ahead)
    assert str(report["sentence"]).startswith(f"{words}: the network's average precision")
    assert report["figure"] == "average_precision"
    assert "0.8000 of gradient boosting" in str(report["sentence"])
