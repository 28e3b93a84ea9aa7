"""A finished run judged by another threshold: spec, verdicts, figures and report, without a fit."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.files import write_atomic
from edge_agent.contracts.scoring import Scoring, decide
from trainer.choosing.promises import Choice, Costs, Point, point_at
from trainer.judging.evaluate import Outcome, figures
from trainer.runs.run import Run, read_run
from trainer.runs.run_tables import write_csv

CHOSEN_ON = "validation.csv"
"""The table of a run with parts that no gradient has seen and that are not the held-out ones."""


@dataclass(frozen=True)
class Parts:
    """Judged parts: scores (N,), higher is worse; bad (N,); and where they come from."""

    scores: NDArray[np.float64]
    bad: NDArray[np.bool_]
    source: str


def parts_for_choice(run: Run, table: Path | None = None) -> Parts:
    """The parts to choose on: `table` (columns label, score), or what the run kept for it."""
    if run.spec.scoring.kind == "value":
        raise ConfigError(
            "foretells a value; thresholds are chosen for verdicts", where=str(run.path)
        )
    if table is not None:
        return _read_parts(table, run)
    if (run.path / CHOSEN_ON).is_file():
        return _read_parts(run.path / CHOSEN_ON, run)
    raise ConfigError(
        f"keeps no {CHOSEN_ON}", where=str(run.path), cure="fit again with this version"
    )


def held_out_parts(run: Run) -> Parts:
    """The held-out parts: to test a choice on, never to choose by."""
    return _read_parts(run.path / "predictions.csv", run)


def apply(run: Run, choice: Choice, band: tuple[float, float] | None, costs: Costs | None) -> Run:
    """Write the choice into spec.json, predictions.csv, metrics.json, report.html and card.md.

    spec.json is written last but for the report: an interruption leaves the old threshold.
    """
    low, high = band or (None, None)
    proof = "" if choice.proven else "; NOT proven by the parts at hand"
    chosen = run.spec.scoring.with_threshold(choice.point.cut, choice.rule + proof)
    unsure = {"unsure_low": low, "unsure_high": high}
    scoring = Scoring.model_validate(chosen.model_dump() | unsure)
    spec = run.spec.model_copy(update={"scoring": scoring})
    rows = [_judged_again(row, scoring) for row in run.predictions]
    metrics = dict(run.metrics)
    metrics["held_out"] = {**metrics["held_out"], **_figures(run, rows)}
    metrics["threshold"] = {"value": scoring.threshold, "chosen_by": scoring.chosen_by}
    metrics["promise"] = promise_document(choice, point_of(held_out_parts(run), choice), costs)
    write_csv(run.path / "predictions.csv", rows)
    text = json.dumps(metrics, indent=1, ensure_ascii=False) + "\n"
    write_atomic(run.path / "metrics.json", text.encode())
    text = json.dumps(spec.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    write_atomic(run.path / "spec.json", text.encode())
    from trainer.report.page import write_report

    again = read_run(run.path)
    write_report(again)
    return again


def point_of(parts: Parts, choice: Choice) -> Point:
    """What the chosen cut does to other parts."""
    return point_at(parts.scores, parts.bad, choice.point.cut)


def promise_document(choice: Choice, held_out: Point, costs: Costs | None) -> dict[str, object]:
    """The promise as JSON: counts, bounds and costs on the choosing and on the held-out parts."""
    return {
        "rule": choice.rule,
        "proven": choice.proven,
        "more_good": choice.more_good,
        "more_bad": choice.more_bad,
        "cut": choice.point.cut,
        "costs": vars(costs) if costs else None,
        "chosen_on": _point_document(choice.point, costs),
        "held_out": _point_document(held_out, costs),
    }


def _point_document(point: Point, costs: Costs | None) -> dict[str, object]:
    row: dict[str, object] = {
        "bad": point.bad,
        "escapes": point.escapes,
        "escape_share_below": round(point.miss_bound, 6),
        "good": point.good,
        "rejects": point.rejects,
        "reject_share_below": round(point.reject_bound, 6),
    }
    if costs:
        seen, bound = point.escape_ppm(costs.defect_rate)
        row["cost_per_1000"] = round(point.cost_per_1000(costs), 4)
        row["cost_per_1000_below"] = round(point.cost_bound_per_1000(costs), 4)
        row["escape_ppm"] = round(seen, 3)
        row["escape_ppm_below"] = round(bound, 3)
    return row


def _read_parts(path: Path, run: Run) -> Parts:
    try:
        with path.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        scores = np.array([float(row["score"]) for row in rows])
        bad = np.array([row["label"] not in run.spec.good for row in rows], bool)
    except (OSError, KeyError, ValueError) as error:
        raise ConfigError(
            f"is no table of label and score ({error})",
            where=str(path),
            cure="lineside-train evaluate RUN DATASET --predictions FILE writes one",
        ) from error
    return Parts(scores, bad, path.name)


def _judged_again(row: dict[str, str], scoring: Scoring) -> dict[str, object]:
    score = float(row["score"])
    again: dict[str, object] = {**row, "verdict": decide(score, scoring)[0].value}
    if scoring.kind == "anomaly":
        again["predicted"] = "anomaly" if score >= scoring.threshold else "normal"
    return again


def _figures(run: Run, rows: list[dict[str, object]]) -> dict[str, dict[str, object]]:
    groups = {row["path"]: row["group"] or row["path"] for row in run.table("splits.csv")}
    labels = sorted({str(row["label"]) for row in rows} | set(run.spec.labels))
    place = {label: number for number, label in enumerate(labels)}
    outcome = Outcome(
        labels=labels,
        good=run.spec.good,
        truth=np.array([place[str(row["label"])] for row in rows], np.int64),
        predicted=np.full(len(rows), -1, np.int64),
        scores=np.array([float(str(row["score"])) for row in rows]),
        rejected=np.array([row["verdict"] == "FAIL" for row in rows]),
        groups=[groups[str(row["path"])] for row in rows],
    )
    return {name: figure.as_json() for name, figure in figures(outcome).items()}
