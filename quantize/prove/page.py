"""The comparison as a section of report.html: self-contained, no script, pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from edge_agent.contracts.core.printable import visible
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.run_folder.report import style, with_quantised
from edge_agent.contracts.run_folder.run import RunFolder
from quantize.prove.calibration_study import StudyRow
from quantize.prove.comparison_text import METRIC_HEAD, cells
from quantize.prove.gate import Comparison, Flip
from quantize.prove.trial import VariantTrial

MOST_PICTURES = 48
PICTURE_PX = 160
SPECTRUM_BINS = 160


def with_comparison(
    report: str,
    run: RunFolder,
    comparison: Comparison,
    steps: list[VariantTrial],
    rows: list[StudyRow],
) -> str:
    """The run's report with the comparison in it; a page of its own where there is no report."""
    section = _section(run, comparison, steps, rows)
    if report:
        return with_quantised(report, section)
    page = _environment().get_template("page.html")
    css = Markup(style())
    return page.render(title=run.spec.name, style=css, section=Markup(section))


def _section(
    run: RunFolder, comparison: Comparison, steps: Sequence[VariantTrial], rows: Sequence[StudyRow]
) -> str:
    tried = len(steps) > 1 or any(step.lowered for step in steps)
    losses = list(rows[0].losses) if rows else []
    return (
        _environment()
        .get_template("comparison.html")
        .render(
            comparison=comparison,
            metric_head=METRIC_HEAD,
            metrics=[cells(metric) for metric in comparison.metrics],
            p_values=[(one.name, one.p) for one in comparison.metrics if one.p is not None],
            steps=[_step_cells(step) for step in steps] if tried else [],
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


def _step_cells(step: VariantTrial) -> list[str]:
    return [step.variant, f"{step.size_bytes / 1024:.0f}", step.outcome]


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
