"""What must not change a verdict: a little more light, a part that lies a little elsewhere.

Each disturbance meets the camera's frame, as on the line; what the station does to every frame
comes after it.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from edge_agent.contracts.core.types import Image, Tensor
from edge_agent.contracts.image.input import ImageInput
from trainer.data.class_sample import evenly
from trainer.data.image.network_px import PxScale, network_px
from trainer.data.in_turn import in_turn
from trainer.data.prepare import Prepared, read_picture, seen_tiles
from trainer.data.samples import Indices
from trainer.evaluation.held_out import HeldOut, outcome_of
from trainer.evaluation.predictions import Judged
from trainer.statistics import metrics

Disturb = Callable[[Image, PxScale], Image]
"""A frame and how many of its pixels one of the network's covers -> a frame of the same shape."""

BRIGHTER, SHIFT_PX, TURN_DEG = 0.10, 2, 2.0
MOST_SAMPLES = 300


def brighter(frame: Image, scale: PxScale = (1.0, 1.0)) -> Image:
    """10 % more light; what the camera's range does not hold is clipped."""
    del scale
    return np.asarray(np.clip(np.rint(frame * (1 + BRIGHTER)), 0, 255), np.uint8)


def darker(frame: Image, scale: PxScale = (1.0, 1.0)) -> Image:
    """10 % less light."""
    del scale
    return np.asarray(np.rint(frame * (1 - BRIGHTER)), np.uint8)


def shifted(frame: Image, scale: PxScale = (1.0, 1.0)) -> Image:
    """To the right and down by what is about 2 px at the size that the network sees, in whole
    pixels of the frame: a part that lies elsewhere is not blurred.
    """
    right, down = (max(1, round(SHIFT_PX * one)) for one in scale)
    return _moved(frame, np.array([[1, 0, right], [0, 1, down]], np.float32))


def turned(frame: Image, scale: PxScale = (1.0, 1.0)) -> Image:
    """2 degrees about the middle."""
    del scale
    height, width = frame.shape[:2]
    return _moved(frame, cv2.getRotationMatrix2D((width / 2, height / 2), TURN_DEG, 1.0))


DISTURBANCES: dict[str, Disturb] = {
    "brightness +10 %": brighter,
    "brightness -10 %": darker,
    "shift 2 px": shifted,
    "rotation 2 degrees": turned,
}
"""Name -> disturbance."""


def disturbance_figures(held_out: HeldOut) -> dict[str, dict[str, object]]:
    """Name -> share of held-out verdicts that change, and the figures under the disturbance.

    Images only; of more than 300 held-out samples, 300 evenly spaced ones. Their files are read
    again: a prepared picture no longer holds what the light of its frame was.
    """
    spec = held_out.spec.input
    if not isinstance(spec, ImageInput) or not len(held_out.split.test):
        return {}
    indices = evenly(held_out.split.test, MOST_SAMPLES)
    chosen = np.isin(held_out.inputs.sample, indices)
    calm = Prepared(held_out.inputs.inputs[chosen], held_out.inputs.sample[chosen])
    before = held_out.judge(calm, indices)
    figures_of = {"undisturbed": _row(held_out, before, before)}
    for name, disturb in DISTURBANCES.items():
        after = held_out.judge(_disturbed(held_out, indices, spec, disturb), indices)
        figures_of[name] = _row(held_out, before, after)
    return figures_of


def _disturbed(held_out: HeldOut, indices: Indices, spec: ImageInput, disturb: Disturb) -> Prepared:
    """The samples at `indices` as the station prepares their disturbed frames."""

    def tiles_of(index: int) -> Tensor:
        frame = read_picture(held_out.split.dataset, index)
        return seen_tiles(disturb(frame, network_px(frame, spec)), spec)

    pieces = list(in_turn(tiles_of, indices.tolist()))
    return Prepared(np.concatenate(pieces), np.repeat(indices, [len(one) for one in pieces]))


def _row(held_out: HeldOut, before: Judged, after: Judged) -> dict[str, object]:
    outcome = outcome_of(held_out.split, held_out.spec, after)
    pairs = zip(before.verdicts, after.verdicts, strict=True)
    row: dict[str, object] = {
        "n": len(after.indices),
        "verdicts_changed": round(float(np.mean([one != other for one, other in pairs])), 6),
    }
    if outcome.classifies:
        right = (outcome.truth == outcome.predicted) & outcome.seen
        row["accuracy"] = round(float(right.mean()), 6)
    bad, scores = outcome.bad[outcome.seen], outcome.scores[outcome.seen]
    if bad.any() and not bad.all():
        row["recall_at_1pct_false_reject"] = round(metrics.recall_at(bad, scores, 0.01), 6)
        row["auroc"] = round(metrics.auroc(bad, scores), 6)
    if outcome.bad.any() and not outcome.bad.all():
        row["false_reject"] = round(float(outcome.rejected[~outcome.bad].mean()), 6)
    return row


def _moved(frame: Image, matrix: np.ndarray) -> Image:
    height, width = frame.shape[:2]
    moved = cv2.warpAffine(
        frame,
        matrix,
        (width, height),
        flags=cv2.INTER_CUBIC,  # bilinear would blur, which no turn on the line does
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(moved, np.uint8)
