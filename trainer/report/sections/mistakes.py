"""The held-out samples a person should look at: the worst mistakes, then the closest calls."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.vibration.input import VibrationInput
from trainer.report.figures import bands, waveform
from trainer.report.tables import table
from trainer.run_folder.run import Run

MOST = 24
MOST_TAGS = 12
Kind = Literal["escape", "false reject", "wrong label", "undecided", "close call"]


@dataclass(frozen=True)
class Mistake:
    """One held-out sample worth a look; `severity` orders them, the worst first."""

    row: int
    kind: Kind
    severity: float
    path: str
    label: str
    predicted: str
    score: float


def worst(run: Run, most: int = MOST) -> list[Mistake]:
    """Up to `most` samples: wrong verdicts by their distance from the threshold, then wrong labels,
    then right ones that were close.
    """
    rows = [_judge_row(run, place, row) for place, row in enumerate(run.predictions)]
    return sorted(rows, key=lambda mistake: -mistake.severity)[:most]


def picture(run: Run, mistake: Mistake) -> str:
    """What the network saw of the sample, as an HTML element."""
    inputs, owners = run.held_out
    mine = inputs[owners == mistake.row]
    if not len(mine):
        return ""
    spec = run.spec.input
    if isinstance(spec, ImageInput):
        return image_element(mine[0])
    if isinstance(spec, VibrationInput) and not spec.views:
        return waveform(mine[len(mine) // 2] * spec.full_scale, spec.rate_hz, spec.unit)
    if run.held_out_tags:
        return tags_element(run.held_out_tags[mistake.row])
    return bands(mine[len(mine) // 2].reshape(len(mine[0]), -1))


def tags_element(tags: Mapping[str, str]) -> str:
    """The first MOST_TAGS tags of a row as a table."""
    cells = list(tags.items())
    shown = [[name, value or "-"] for name, value in cells[:MOST_TAGS]]
    left = len(cells) - len(shown)
    return table(["", ""], [*shown, *([["and more", str(left)]] if left else [])])


def image_element(image: Tensor) -> str:
    """uint8 (H, W, C) RGB or grey as an inlined <img>."""
    pixels = image[:, :, ::-1] if image.shape[2] == 3 else image
    _, payload = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 88])
    text = base64.b64encode(payload.tobytes()).decode()
    return f'<img alt="" src="data:image/jpeg;base64,{text}">'


def _judge_row(run: Run, place: int, row: dict[str, str]) -> Mistake:
    label, predicted, verdict = row["label"], row["predicted"], row["verdict"]
    score = float(row["score"])
    distance = abs(score - run.spec.scoring.threshold)
    kind: Kind = "close call"
    severity = -distance
    knows_good = bool(run.spec.good) and len(run.spec.good) < len(run.spec.labels)
    if knows_good and verdict == "PASS" and label not in run.spec.good:
        kind, severity = "escape", 3 + distance
    elif knows_good and verdict == "FAIL" and label in run.spec.good:
        kind, severity = "false reject", 3 + distance
    elif verdict == "NO-VERDICT":
        kind, severity = "undecided", 2.0
    elif predicted in run.spec.labels and predicted != label:
        kind, severity = "wrong label", 1 + _confidence(row, predicted, label)
    elif not knows_good:
        severity = -_margin(row, label)
    return Mistake(place, kind, severity, row["path"], label, predicted, score)


def _confidence(row: dict[str, str], predicted: str, label: str) -> float:
    gap = float(row[f"logit_{predicted}"]) - float(row.get(f"logit_{label}", 0))
    return float(1 / (1 + np.exp(-gap)))


def _margin(row: dict[str, str], label: str) -> float:
    logits = {k: float(v) for k, v in row.items() if k.startswith("logit_")}
    mine = logits.pop(f"logit_{label}", 0.0)
    return mine - max(logits.values(), default=0.0)
