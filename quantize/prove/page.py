"""The comparison as a section of report.html: self-contained, no script, pictures inside."""

from __future__ import annotations

import base64
from html import escape

import cv2
import numpy as np

from edge_agent.contracts.core.types import Tensor
from quantize.prove.calibration_study import StudyRow
from quantize.prove.gate import Comparison, Flip
from quantize.prove.html import cells
from quantize.prove.trial import VariantTrial
from quantize.run_folder.run import Run

MOST_PICTURES = 48
PICTURE_PX = 160
STYLE = (
    "<style>.q table{border-collapse:collapse}.q td,.q th{border:1px solid #bbb;padding:.2em .6em;"
    "text-align:right}.q figure{display:inline-block;margin:.4em;width:170px;font-size:.75em;"
    "vertical-align:top}.q .broken{background:#fbb}.q .held{background:#dfd}</style>"
)


def with_comparison(
    report: str, run: Run, comparison: Comparison, steps: list[VariantTrial], rows: list[StudyRow]
) -> str:
    """The run's report with the section before its end; a page of its own where there is none."""
    section = "\n".join(
        [
            STYLE,
            '<section class="q" id="quantised"><h2>Float beside the quantised network</h2>',
            f"<p>{comparison.n} held-out samples, the same for both; verdicts agree on "
            f"{comparison.agreement:.2%}.</p>",
            _metrics(comparison),
            _steps(steps),
            _study(rows),
            _flips(run, comparison),
            "</section>",
        ]
    )
    if "</body>" in report:
        head, _, tail = report.rpartition("</body>")
        return f"{head}{section}\n</body>{tail}"
    return f"<!doctype html><html><head><meta charset='utf-8'></head><body>{section}</body></html>"


def _metrics(comparison: Comparison) -> str:
    head = ("metric", "float", "quantised", "loss", "allowed", "95 % interval of loss", "status")
    body = [cells(metric) for metric in comparison.metrics]
    p_values = [
        f"<p>McNemar's exact p for {escape(metric.name)}: {metric.p:.3g}</p>"
        for metric in comparison.metrics
        if metric.p is not None
    ]
    return _table(head, body) + "".join(p_values)


def _steps(steps: list[VariantTrial]) -> str:
    if len(steps) < 2 and not any(one.lowered for one in steps):
        return ""
    body = [[one.variant, f"{one.size_bytes / 1024:.0f}", one.outcome] for one in steps]
    return "<h3>Fallback ladder</h3>" + _table(("variant", "KiB", "gate"), body)


def _study(rows: list[StudyRow]) -> str:
    if not rows:
        return ""
    names = list(rows[0].losses)
    body = [
        [
            str(one.samples),
            f"{one.agreement:.4f}",
            str(one.flips),
            *(f"{one.losses[name]:.4f}" for name in names),
        ]
        for one in rows
    ]
    head = ("calibration samples", "agreement", "flips", *(f"{name} loss" for name in names))
    return "<h3>Calibration</h3>" + _table(head, body)


def _flips(run: Run, comparison: Comparison) -> str:
    if not comparison.flips:
        return "<p>No sample flips.</p>"
    shown = comparison.flips[:MOST_PICTURES]
    count = f"<h3>{len(comparison.flips)} samples flip, {len(shown)} shown</h3>"
    return count + "".join(_figure(run, flip) for flip in shown)


def _figure(run: Run, flip: Flip) -> str:
    old, new = flip.before, flip.after
    first = int(np.flatnonzero(run.heldout_row == old.row)[0])
    drawing = _drawing(run.heldout[first], run.spec.input.kind)
    words = (
        f"{escape(flip.kind)}<br>{escape(old.path)}, truly {escape(old.label)}<br>"
        f"float {escape(old.predicted)} {old.score:.4f} {old.verdict}<br>"
        f"quantised {escape(new.predicted)} {new.score:.4f} {new.verdict}"
    )
    return f"<figure>{drawing}<figcaption>{words}</figcaption></figure>"


def _drawing(given: Tensor, kind: str) -> str:
    if kind == "image":
        return _picture(given)
    if kind == "vibration":
        return _spectrum(given)
    return ""


def _picture(image: Tensor) -> str:
    pixels = image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
    scale = PICTURE_PX / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    sized = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, payload = cv2.imencode(".jpg", cv2.cvtColor(sized, cv2.COLOR_RGB2BGR))
    code = base64.b64encode(payload.tobytes()).decode()
    return f'<img alt="held-out sample" src="data:image/jpeg;base64,{code}">'


def _spectrum(window: Tensor) -> str:
    """Magnitudes of the first channel: of its spectrum where it is a signal."""
    values = np.abs(np.fft.rfft(window[:, 0] * np.hanning(len(window))))
    bins = values[: len(values) // 160 * 160] if len(values) > 160 else values
    peaks = bins.reshape(160, -1).max(axis=1) if len(values) > 160 else bins
    heights = 78 - 75 * peaks / max(float(peaks.max()), 1e-12)
    step = PICTURE_PX / len(heights)
    points = " ".join(f"{place * step:.1f},{y:.1f}" for place, y in enumerate(heights))
    return (
        f'<svg width="{PICTURE_PX}" height="80" role="img" aria-label="spectrum">'
        f'<polyline points="{points}" fill="none" stroke="#246"/></svg>'
    )


def _table(head: tuple[str, ...], body: list[list[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    rows = "".join(
        f'<tr class="{escape(row[-1])}">'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in body
    )
    return f"<table><tr>{top}</tr>{rows}</table>"
