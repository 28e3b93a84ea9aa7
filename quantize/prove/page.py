"""The comparison as a section of report.html: self-contained, no script, pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from scipy.stats import binomtest

from edge_agent.contracts.core.printable import visible
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.run_folder.acceptance import assess, next_step
from edge_agent.contracts.run_folder.report import filled, style
from edge_agent.contracts.run_folder.run import RunFolder
from quantize.prove.calibration_study import StudyRow
from quantize.prove.comparison_text import METRIC_HEAD, cells
from quantize.prove.gate import Comparison, Flip
from quantize.prove.rung_cost import rung_sentence
from quantize.prove.trial import VariantTrial
from quantize.targets.target import Target

MOST_PICTURES = 48
PICTURE_PX = 160
SPECTRUM_BINS = 160
CONFIDENCE = 0.95


def with_comparison(
    report: str,
    run: RunFolder,
    comparison: Comparison,
    trials: Sequence[VariantTrial] = (),
    rows: Sequence[StudyRow] = (),
    target: Target | None = None,
) -> str:
    """The run's report with the comparison in it; a page of its own where there is no report.

    trials: the variants that were tried, the last of which is in the bundle; target: for which.
    """
    cost = rung_sentence(trials, target) if target and trials else ""
    section = Markup(_section(run, comparison, trials, rows, cost))
    if not report:
        css = Markup(style())
        page = _environment().get_template("page.html")
        return page.render(title=run.spec.name, style=css, section=section)
    variant = trials[-1].variant if trials else "quantised"
    requirements = assess(run.spec, comparison.after, run.metrics.acceptance, upper_bound)
    box = _environment().get_template("acceptance.html")
    rows_of_box = box.render(variant=variant, requirements=[one.cells() for one in requirements])
    report = filled(report, "acceptance", rows_of_box)
    report = filled(report, "next step", str(escape(next_step(requirements, quantised=True))))
    return filled(report, "comparison", section)


def upper_bound(errors: int, parts: int) -> float:
    """The one-sided 95 % Clopper-Pearson bound of the share of errors."""
    test = binomtest(errors, parts, alternative="less")
    return float(test.proportion_ci(CONFIDENCE, method="exact").high)


def _section(
    run: RunFolder,
    comparison: Comparison,
    trials: Sequence[VariantTrial],
    rows: Sequence[StudyRow],
    cost: str,
) -> str:
    tried = len(trials) > 1 or any(trial.lowered for trial in trials)
    losses = list(rows[0].losses) if rows else []
    return (
        _environment()
        .get_template("comparison.html")
        .render(
            comparison=comparison,
            metric_head=METRIC_HEAD,
            metrics=[cells(metric) for metric in comparison.metrics],
            p_values=[(one.name, one.p) for one in comparison.metrics if one.p is not None],
            trials=[_trial_cells(trial) for trial in trials] if tried else [],
            cost=cost,
            study_head=(
                "calibration samples",
                "agreement",
                "flips",
                *(f"{name} loss" for name in losses),
            ),
            study=[_study_cells(row, losses) for row in rows],
            flips=[_flip_view(run, flip) for flip in comparison.flips[:MOST_PICTURES]],
            width=PICTURE_PX,
        )
    )


def _trial_cells(trial: VariantTrial) -> list[str]:
    ms = "-" if trial.predicted_ms is None else f"{trial.predicted_ms:.3g}"
    return [trial.variant, f"{trial.size_bytes / 1024:.0f}", ms, trial.outcome]


def _study_cells(row: StudyRow, losses: Sequence[str]) -> list[str]:
    values = (f"{row.losses[name]:.4f}" for name in losses)
    return [str(row.samples), f"{row.agreement:.4f}", str(row.flips), *values]


def _flip_view(run: RunFolder, flip: Flip) -> dict[str, object]:
    inputs, kind = run.held_out.of(flip.before.row)[0], run.spec.input.kind
    return {
        "kind": flip.kind,
        "before": flip.before,
        "after": flip.after,
        "picture": _picture(inputs) if kind == "image" else "",
        "spectrum": _spectrum(inputs) if kind == "vibration" else "",
    }


def _picture(image: Tensor) -> str:
    """uint8 (H, W, 1 or 3) RGB as a data URI, PICTURE_PX at its longer side."""
    pixels = image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
    scale = PICTURE_PX / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    sized = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, payload = cv2.imencode(".jpg", cv2.cvtColor(sized, cv2.COLOR_RGB2BGR))
    return f"data:image/jpeg;base64,{base64.b64encode(payload.tobytes()).decode()}"


def _spectrum(window: Tensor) -> str:
    """Points of the amplitude spectrum of the first channel of (T, C), for a polyline."""
    values = np.abs(np.fft.rfft(window[:, 0] * np.hanning(len(window))))
    peaks = values
    if len(values) > SPECTRUM_BINS:
        whole = len(values) // SPECTRUM_BINS * SPECTRUM_BINS
        peaks = values[:whole].reshape(SPECTRUM_BINS, -1).max(axis=1)
    heights = 78 - 75 * peaks / max(float(peaks.max()), 1e-12)
    step = PICTURE_PX / len(heights)
    return " ".join(f"{index * step:.1f},{y:.1f}" for index, y in enumerate(heights))


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
