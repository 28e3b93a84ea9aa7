"""A finished run judged by another threshold: spec, verdicts, figures and report, without a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError, RunError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.run_folder import files
from edge_agent.contracts.run_folder.files import (
    FIT_AGAIN,
    csv_bytes,
    damaged,
    document_bytes,
    finite_number_in,
    read_table,
)
from edge_agent.contracts.run_folder.metrics import (
    AcceptanceLimits,
    ClassMetrics,
    HeldOutMetrics,
    PartCosts,
    PolicyCounts,
    ThresholdPolicy,
    ThresholdUsed,
)
from edge_agent.contracts.run_folder.rows import NEEDS_BASELINE, Prediction, prediction_cells
from edge_agent.contracts.run_folder.verdicts import judged_by
from trainer.evaluation.held_out import undecided_of, unseen_of
from trainer.evaluation.outcome import Outcome, class_rows, figures, numbered
from trainer.report.card import card_text
from trainer.report.page import page, refuse_damaged
from trainer.run_folder.run import FittedRun, open_fitted_run
from trainer.thresholds.policy import Choice, Costs, Point, point_at

WRITES_PARTS = "lineside-train evaluate RUN DATASET --predictions FILE writes such a table"


@dataclass(frozen=True)
class Parts:
    """Judged parts: scores (N,), higher is worse; bad (N,); source: the file they come from."""

    scores: NDArray[np.float64]
    bad: NDArray[np.bool_]
    source: str


def parts_for_choice(run: FittedRun, table: Path | None = None) -> Parts:
    """The parts to choose on: `table` (columns label, score), or the run's validation.csv, whose
    parts no gradient has seen and which are not the held-out ones.
    """
    if run.spec.scoring.kind == "value":
        raise ConfigError(
            "predicts a value; thresholds are chosen for verdicts", where=str(run.path)
        )
    if table is not None:
        try:
            return _read_parts(table, run, WRITES_PARTS, may_need_baseline=True)
        except RunError as error:
            raise ConfigError(error.what, where=error.where, cure=error.cure) from error
    return _read_parts(run.path / files.VALIDATION, run)


def held_out_parts(run: FittedRun) -> Parts:
    """The held-out parts: to test a choice on, never to choose by."""
    return _read_parts(run.path / files.PREDICTIONS, run, may_need_baseline=True)


def apply_choice(
    run: FittedRun,
    choice: Choice,
    band: tuple[float, float] | None,
    costs: Costs | None,
    limits: AcceptanceLimits | None = None,
) -> FittedRun:
    """Write the choice into predictions.csv, metrics.json, report.html, card.md and spec.json.

    All of them are made before the first is written, so a damaged run stays as it was. spec.json
    is the last: an interruption leaves the old threshold. limits: what the report must prove from
    now on; None leaves what the run requires.
    """
    refuse_damaged(run)
    again = _with_choice(run, choice, band, costs, limits)
    content = {
        files.PREDICTIONS: csv_bytes(prediction_cells(again.predictions)),
        files.METRICS: document_bytes(again.metrics, exclude_none=True),
        files.REPORT: page(again).encode(),
        files.CARD: card_text(again).encode(),
        files.SPEC: document_bytes(again.spec),
    }
    for name, payload in content.items():
        write_atomic(run.path / name, payload)
    return open_fitted_run(run.path)


def point_of(parts: Parts, choice: Choice) -> Point:
    """What the chosen cut does to other parts."""
    return point_at(parts.scores, parts.bad, choice.point.cut)


def policy_of(choice: Choice, held_out: Point, costs: Costs | None) -> ThresholdPolicy:
    """Counts, bounds and costs on the parts chosen on and on the held-out parts."""
    return ThresholdPolicy(
        rule=choice.rule,
        proven=choice.proven,
        more_good=choice.more_good,
        more_bad=choice.more_bad,
        cut=choice.point.cut,
        costs=PartCosts(**vars(costs)) if costs else None,
        chosen_on=_counts(choice.point, costs),
        held_out=_counts(held_out, costs),
    )


def _with_choice(
    run: FittedRun,
    choice: Choice,
    band: tuple[float, float] | None,
    costs: Costs | None,
    limits: AcceptanceLimits | None,
) -> FittedRun:
    """The run with the specification, verdicts and figures of the choice."""
    low, high = band or (None, None)
    proof = "" if choice.proven else "; NOT proven by the parts at hand"
    chosen = run.spec.scoring.with_threshold(choice.point.cut, choice.rule + proof)
    unsure = {"unsure_low": low, "unsure_high": high}
    scoring = Scoring.model_validate(chosen.model_dump() | unsure)
    spec = run.spec.model_copy(update={"scoring": scoring})
    predictions = [judged_by(spec, one) for one in run.predictions]
    outcome = _outcome(run, spec, predictions)
    again = HeldOutMetrics.of(run.metrics.held_out.present() | figures(outcome))
    metrics = run.metrics.model_copy(
        update={
            "held_out": again,
            "per_class": _per_class(run, outcome),
            "threshold": ThresholdUsed(value=scoring.threshold, chosen_by=scoring.chosen_by),
            "acceptance": limits or run.metrics.acceptance,
            "threshold_policy": policy_of(choice, point_of(held_out_parts(run), choice), costs),
        }
    )
    return run.with_verdicts(spec, metrics, predictions)


def _counts(point: Point, costs: Costs | None) -> PolicyCounts:
    counts = PolicyCounts(
        bad=point.bad,
        escapes=point.escapes,
        escape_share_below=round(point.miss_bound, 6),
        good=point.good,
        rejects=point.rejects,
        reject_share_below=round(point.reject_bound, 6),
    )
    if not costs:
        return counts
    ppm, bound = point.escape_ppm(costs.defect_rate)
    return counts.model_copy(
        update={
            "cost_per_1000": round(point.cost_per_1000(costs), 4),
            "cost_per_1000_below": round(point.cost_bound_per_1000(costs), 4),
            "escape_ppm": round(ppm, 3),
            "escape_ppm_below": round(bound, 3),
        }
    )


def _read_parts(
    path: Path, run: FittedRun, cure: str = FIT_AGAIN, *, may_need_baseline: bool = False
) -> Parts:
    """may_need_baseline: leave out what no threshold can turn into an escape or a reject."""
    rows = read_table(path, ("label", "score"), cure)
    if may_need_baseline:
        rows = [row for row in rows if _depends_on_threshold(row, run)]
    if not rows:
        raise damaged(path, "holds no part", WRITES_PARTS)
    scores = [_score(path, n, row["score"], run, cure) for n, row in enumerate(rows, start=1)]
    bad = [row["label"] not in run.spec.good for row in rows]
    return Parts(np.array(scores), np.array(bad, bool), path.name)


def _depends_on_threshold(row: Mapping[str, str], run: FittedRun) -> bool:
    """A station withholds its verdict on the others, or the alarm, which of a good one is all."""
    needs = row.get(NEEDS_BASELINE, "")
    return not needs or (needs == "alarm" and row["label"] not in run.spec.good)


def _score(path: Path, row: int, cell: str, run: FittedRun, cure: str) -> float:
    score = finite_number_in(path, row, "score", cell, cure)
    if run.spec.scoring.kind == "logits" and not 0 <= score <= 1:
        what = f"row {row}: score {cell} is no probability (0 to 1), as this run's scores are"
        raise damaged(path, what, cure)
    return score


def _outcome(run: FittedRun, spec: ModelSpec, predictions: Sequence[Prediction]) -> Outcome:
    groups = {row.path: row.group or row.path for row in run.splits()}
    if unlisted := [one.path for one in predictions if one.path not in groups]:
        raise damaged(run.path / files.SPLITS, f"does not list {unlisted[0]}")
    truth = [one.label for one in predictions]
    predicted = [one.predicted for one in predictions]
    classifies = spec.scoring.kind == "logits"
    return Outcome(
        **numbered(run.spec.labels, truth, predicted, classifies=classifies)._asdict(),
        good=run.spec.good,
        scores=np.array([one.score for one in predictions]),
        rejected=np.array([one.verdict == "FAIL" for one in predictions]),
        groups=[groups[one.path] for one in predictions],
        undecided=undecided_of(spec, [one.verdict for one in predictions]),
        unseen=unseen_of(spec, [one.needs_baseline for one in predictions]),
    )


def _per_class(run: FittedRun, outcome: Outcome) -> dict[str, ClassMetrics]:
    """The figures of each label by the new verdicts; rankings do not depend on a threshold."""
    before = run.metrics.per_class
    rows = class_rows(outcome) if before and outcome.classifies else {}
    return {label: before[label].model_copy(update=row) for label, row in rows.items()} or before
