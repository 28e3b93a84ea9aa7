"""Another threshold for a finished run: the parts it is chosen on, its counts and its costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from edge_agent.contracts.core.errors import ConfigError
from tests.run_folders import write_image_run
from trainer.run_folder.run import FittedRun, open_fitted_run
from trainer.thresholds.policy import Choice, Costs, Point
from trainer.workflow.rethreshold import (
    apply_choice,
    held_out_parts,
    parts_for_choice,
    point_of,
    policy_of,
)


@pytest.fixture
def run(tmp_path: Path) -> FittedRun:
    """20 dents, one of which scores 0.12 like the 20 good parts; the others score 0.88."""
    return open_fitted_run(write_image_run(tmp_path / "run"))


def choice(cut: float, proven: bool = True) -> Choice:
    return Choice(Point(cut, escapes=0, bad=20, rejects=20, good=20), "by hand", proven)


def test_parts_of_a_run_are_its_scores_and_whether_each_is_bad(run: FittedRun) -> None:
    for parts in (held_out_parts(run), parts_for_choice(run)):
        assert parts.bad.tolist() == [True] * 20 + [False] * 20
        np.testing.assert_allclose(parts.scores, [0.12] + [0.88] * 19 + [0.12] * 20)


@pytest.mark.parametrize(("cut", "escapes", "rejects"), [(0.5, 1, 0), (0.12, 0, 20), (0.9, 20, 0)])
def test_a_part_fails_from_the_cut_on(
    run: FittedRun, cut: float, escapes: int, rejects: int
) -> None:
    point = point_of(held_out_parts(run), choice(cut))
    assert (point.escapes, point.bad, point.rejects, point.good) == (escapes, 20, rejects, 20)


def test_costs_and_bounds_are_those_of_clopper_and_pearson(run: FittedRun) -> None:
    point = point_of(held_out_parts(run), choice(0.5))
    costs = Costs(escape=100.0, reject=2.0, defect_rate=0.01)
    counts = policy_of(choice(0.5), point, costs).held_out
    bound = float(beta.ppf(0.95, 2, 19))
    assert counts.escape_share_below == pytest.approx(bound, abs=1e-6)
    assert counts.cost_per_1000 == pytest.approx(1000 * 0.01 * 0.05 * 100, abs=1e-4)
    assert counts.escape_ppm == pytest.approx(1e6 * 0.01 * 0.05, abs=1e-3)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("label,score\n", "holds no part"),
        ("label,score\nok,2\n", "is no probability"),
        ("label,score\nok,nan\n", "score"),
        ("label,score\nok,high\n", "score"),
        ("label\nok\n", "score"),
    ],
)
def test_a_wrong_table_is_refused_with_what_writes_a_right_one(
    run: FittedRun, tmp_path: Path, table: str, fault: str
) -> None:
    path = tmp_path / "parts.csv"
    path.write_text(table)
    with pytest.raises(ConfigError, match=fault) as refused:
        parts_for_choice(run, path)
    assert "parts.csv" in str(refused.value)
    assert "lineside-train evaluate" in str(refused.value.cure)


def test_a_choice_moves_verdicts_figures_and_the_specification_together(run: FittedRun) -> None:
    again = apply_choice(run, choice(0.1, proven=False), (0.05, 0.2), None)
    assert again.spec.scoring.threshold == 0.1
    assert (again.spec.scoring.unsure_low, again.spec.scoring.unsure_high) == (0.05, 0.2)
    assert "NOT proven" in again.spec.scoring.chosen_by
    verdicts = [one.verdict for one in again.predictions]
    assert verdicts == ["NO-VERDICT"] + ["FAIL"] * 19 + ["NO-VERDICT"] * 20
    assert again.metrics.threshold is not None
    assert again.metrics.threshold.value == 0.1
