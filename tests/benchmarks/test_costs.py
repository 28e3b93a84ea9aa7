"""The cost table: its fit finds what times were made of, and its predictions hold here."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.costs import NETWORKS, fit_rates, time_ms
from edge_agent.contracts.model.target_cost import TargetCost, Work, find_cost
from quantize.graph.read import parse_graph
from quantize.graph.work import work_of


def test_the_fit_finds_the_rates_that_times_were_made_of() -> None:
    rng = np.random.default_rng(3)
    works = [Work(*(int(amount) for amount in rng.integers(1, 9, 5) * 10**6)) for _ in range(12)]
    rates = np.array([12.0, 6.0, 30.0, 0.002, 0.4])
    row = TargetCost(*rates, budget_ms=20, within=1.5, source="made here")
    times_ms = np.array([row.predict_ms(work) for work in works])
    assert np.allclose(fit_rates(works, times_ms), rates, rtol=1e-6)


@pytest.mark.slow
def test_networks_differ_by_as_much_as_is_predicted_within_the_rows_factor() -> None:
    """Ratios, so that the test holds on faster and slower processors of the kind."""
    row = find_cost("x86")
    factors = []
    for name in ("cnn 96", "cnn 224", "transfer mobilenet 96"):
        payload = NETWORKS[name]()
        factors.append(time_ms(payload) / row.predict_ms(work_of(parse_graph(payload, name))))
    assert max(factors) / min(factors) < row.within**2
