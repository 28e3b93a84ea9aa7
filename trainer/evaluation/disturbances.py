"""What must not change a verdict: a little more light, a part that lies a little elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.brightness import standardised
from edge_agent.contracts.image.input import ImageInput
from trainer.data.prepare import Prepared
from trainer.evaluation.held_out import HeldOut, outcome_of
from trainer.statistics import metrics

Disturb = Callable[[Tensor], Tensor]
"""One uint8 picture (H, W, C) -> the same shape."""

BRIGHTER, SHIFT_PX, TURN_DEG = 0.10, 2, 2.0
MOST_SAMPLES = 300


def brighter(picture: Tensor) -> Tensor:
    """10 % more light."""
    return np.clip(picture * (1 + BRIGHTER), 0, 255).astype(np.uint8)


def darker(picture: Tensor) -> Tensor:
    """10 % less light."""
    return np.clip(picture * (1 - BRIGHTER), 0, 255).astype(np.uint8)


def shifted(picture: Tensor) -> Tensor:
    """2 px to the right and down, at the size that the network sees."""
    return _moved(picture, np.array([[1, 0, SHIFT_PX], [0, 1, SHIFT_PX]], np.float32))


def turned(picture: Tensor) -> Tensor:
    """2 degrees about the middle."""
    height, width = picture.shape[:2]
    return _moved(picture, cv2.getRotationMatrix2D((width / 2, height / 2), TURN_DEG, 1.0))


DISTURBANCES: dict[str, Disturb] = {
    "brightness +10 %": brighter,
    "brightness -10 %": darker,
    "shift 2 px": shifted,
    "rotation 2 degrees": turned,
}
"""Name -> disturbance."""


def disturbance_figures(held_out: HeldOut) -> dict[str, dict[str, object]]:
    """Name -> share of held-out verdicts that change, and the figures under the disturbance.

    Images only; of more than 300 held-out samples, 300 evenly spaced ones.
    """
    if not isinstance(held_out.spec.input, ImageInput) or not len(held_out.split.test):
        return {}
    indices = _some(held_out.split.test)
    chosen = np.isin(held_out.inputs.sample, indices)
    calm = Prepared(held_out.inputs.inputs[chosen], held_out.inputs.sample[chosen])
    before = held_out.judge(calm, indices)
    figures_of: dict[str, dict[str, object]] = {}
    for name, disturb in {"undisturbed": None, **DISTURBANCES}.items():
        inputs = calm.inputs
        if disturb:
            inputs = np.stack([as_prepared(disturb(one), held_out.spec.input) for one in inputs])
        judged = held_out.judge(Prepared(inputs, calm.sample), indices)
        outcome = outcome_of(held_out.split, held_out.spec, judged)
        pairs = zip(before.verdicts, judged.verdicts, strict=True)
        row: dict[str, object] = {
            "n": len(indices),
            "verdicts_changed": round(float(np.mean([one != other for one, other in pairs])), 6),
        }
        if outcome.classifies:
            row["accuracy"] = round(float((outcome.truth == outcome.predicted).mean()), 6)
        bad = outcome.bad
        if bad.any() and not bad.all():
            row["recall_at_1pct_false_reject"] = round(
                metrics.recall_at(bad, outcome.scores, 0.01), 6
            )
            row["auroc"] = round(metrics.auroc(bad, outcome.scores), 6)
            row["false_reject"] = round(float(outcome.rejected[~bad].mean()), 6)
        figures_of[name] = row
    return figures_of


def as_prepared(picture: Tensor, spec: ImageInput) -> Tensor:
    """What the network sees of a disturbed picture: on the station, levels are evened out last."""
    return standardised(picture, spec.most_clipped) if spec.standardise else picture


def _some(indices: np.ndarray) -> np.ndarray:
    if len(indices) <= MOST_SAMPLES:
        return indices
    positions = np.linspace(0, len(indices) - 1, MOST_SAMPLES).round().astype(int)
    return np.asarray(indices[positions])


def _moved(picture: Tensor, matrix: np.ndarray) -> Tensor:
    height, width = picture.shape[:2]
    flags = cv2.BORDER_REFLECT_101
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=flags).reshape(picture.shape)
