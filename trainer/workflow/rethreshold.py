"""A finished run judged by another threshold: spec, verdicts, figures and report, without a fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.model.scoring import Scoring, decide
from trainer.evaluation.outcome import Outcome, figures
from trainer.report.card import card_text
from trainer.report.page import page
from trainer.run_folder.reading import FIT_AGAIN, damaged, finite_number, read_table
from trainer.run_folder.run import Run, read_run
from trainer.thresholds.policy import Choice, Costs, Point, point_at
from trainer.workflow.run_metrics import csv_bytes

CHOSEN_ON = "validation.csv"
"""The table of a run with parts that no gradient has seen and that are not the held-out ones."""

WRITES_PARTS = "lineside-train evaluate RUN DATASET --predictions FILE writes such a table"


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
        return _read_parts(table, run, WRITES_PARTS)
    if (run.path / CHOSEN_ON).is_file():
        return _read_parts(run.path / CHOSEN_ON, run)
    raise ConfigError(
        f"keeps no {CHOSEN_ON}", where=str(run.path), cure="fit again with this version"
    )


def held_out_parts(run: Run) -> Parts:
    """The held-out parts: to test a choice on, never to choose by."""
    return _read_parts(run.path / "predictions.csv", run)


def apply(run: Run, choice: Choice, band: tuple[float, float] | None, costs: Costs | None) -> Run:
    """Write the choice into predictions.csv, metrics.json, report.html, card.md and spec.json.

    All of them are made before the first is written: a damaged run stays as it was. spec.json is
    the last: an interruption leaves the old threshold.
    """

    again = _with_choice(run, choice, band, costs)
    files = {
        "predictions.csv": csv_bytes(again.predictions),
        "metrics.json": _json_bytes(again.metrics),
        "report.html": page(again).encode(),
        "card.md": card_text(again).encode(),
        "spec.json": _json_bytes(again.spec.model_dump(mode="json")),
    }
    for name, payload in files.items():
        write_atomic(run.path / name, payload)
    return read_run(run.path)


def _with_choice(
    run: Run, choice: Choice, band: tuple[float, float] | None, costs: Costs | None
) -> Run:
    """The run as the choice makes it: specification, verdicts and figures."""
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
    return run.judged_anew(spec, metrics, rows)


def _json_bytes(document: Mapping[str, object]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


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


def _read_parts(path: Path, run: Run, cure: str = FIT_AGAIN) -> Parts:
    rows = read_table(path, ("label", "score"), cure)
    if not rows:
        raise damaged(path, "holds no part", WRITES_PARTS)
    scores = [_score(path, n, row["score"], run, cure) for n, row in enumerate(rows, start=1)]
    bad = [row["label"] not in run.spec.good for row in rows]
    return Parts(np.array(scores), np.array(bad, bool), path.name)


def _score(path: Path, row: int, cell: str, run: Run, cure: str) -> float:
    score = finite_number(path, row, "score", cell, cure)
    if run.spec.scoring.kind == "logits" and not 0 <= score <= 1:
        what = f"row {row}: score {cell} is no probability (0 to 1), as this run's scores are"
        raise damaged(path, what, cure)
    return score


def _judged_again(row: dict[str, str], scoring: Scoring) -> dict[str, str]:
    score = float(row["score"])
    again = {**row, "verdict": decide(score, scoring)[0].value}
    if scoring.kind == "anomaly":
        again["predicted"] = "anomaly" if score >= scoring.threshold else "normal"
    return again


def _figures(run: Run, rows: list[dict[str, str]]) -> dict[str, dict[str, object]]:
    groups = {row["path"]: row["group"] or row["path"] for row in run.table("splits.csv")}
    if unlisted := [row["path"] for row in rows if row["path"] not in groups]:
        raise damaged(run.path / "splits.csv", f"does not list {unlisted[0]}")
    labels = sorted({row["label"] for row in rows} | set(run.spec.labels))
    place = {label: number for number, label in enumerate(labels)}
    outcome = Outcome(
        labels=labels,
        good=run.spec.good,
        truth=np.array([place[row["label"]] for row in rows], np.int64),
        predicted=np.full(len(rows), -1, np.int64),
        scores=np.array([float(row["score"]) for row in rows]),
        rejected=np.array([row["verdict"] == "FAIL" for row in rows]),
        groups=[groups[row["path"]] for row in rows],
    )
    return {name: figure.as_json() for name, figure in figures(outcome).items()}
