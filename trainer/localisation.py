"""How well a heat map finds the defect: pixel AUROC and PRO, against masks of the defect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.image import ImageInput, prepare_image, read_image
from trainer.metrics import Figure, auroc, bootstrapped

if TYPE_CHECKING:
    from trainer.experiment import Experiment

Heat = NDArray[np.float32]
"""float32 (H, W), higher is worse."""

Mask = NDArray[np.bool_]
"""(H, W): where the defect is; all False for a good part."""

LIMIT = 0.3
"""PRO is taken up to this share of false alarms (Bergmann et al., CVPR 2020)."""

STEPS = 200


def fitted(heat: Heat, shape: tuple[int, int]) -> Heat:
    """The map at the size of the mask, bilinear."""
    return np.asarray(cv2.resize(heat, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def pixel_auroc(maps: Sequence[Heat], masks: Sequence[Mask], groups: Sequence[str]) -> Figure:
    """Area under the ROC curve of single pixels; the interval draws groups of images."""
    maps = [_thinned(heat) for heat in maps]
    masks = [_thinned(mask) for mask in masks]

    def area(rows: NDArray[np.intp]) -> float:
        scores = np.concatenate([maps[row].ravel() for row in rows])
        return auroc(np.concatenate([masks[row].ravel() for row in rows]), scores)

    return bootstrapped(area, list(groups), rounds=ROUNDS)


def region_overlap(maps: Sequence[Heat], masks: Sequence[Mask], limit: float = LIMIT) -> float:
    """PRO: the mean over defects of the part found, averaged over false-alarm shares 0 to `limit`.

    After Bergmann et al., Uninformed Students (CVPR 2020): each connected region counts the same,
    however small. Not a number without a defect or without good pixels.
    """
    good = np.concatenate([h[~m] for h, m in zip(maps, masks, strict=True)])
    regions = [
        heat[labels == number]
        for heat, mask in zip(maps, masks, strict=True)
        for count, labels in [cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)]
        for number in range(1, count)
    ]
    if not regions or not len(good):
        return float("nan")
    shares = np.linspace(0, limit, STEPS)
    cuts = np.quantile(good, 1 - shares, method="higher")
    found = np.zeros(STEPS)
    for values in regions:
        ordered = np.sort(values)
        found += 1 - np.searchsorted(ordered, cuts, side="right") / len(ordered)
    return float(np.trapezoid(found / len(regions), shares) / limit)


ROUNDS = 100
"""Bootstrap rounds over pixels, of which there are many."""

MOST_SIDE = 64


def localisation_figures(experiment: Experiment) -> dict[str, dict[str, object]]:
    """pixel_auroc and pro of a detector whose held-out samples have masks; else nothing."""
    spec, dataset = experiment.spec.input, experiment.split.dataset
    samples = [dataset.samples[int(place)] for place in experiment.split.test]
    bad = dataset.is_bad()[experiment.split.test]
    known = np.array([bool(sample.mask) for sample in samples]) | ~bad
    framed = isinstance(spec, ImageInput) and spec.tiles.count == 1 and spec.align is None
    if not framed or not (known & bad).any() or len(experiment.fitted.model.outputs) < 2:
        return {}
    flat = spec.model_copy(update={"channels": 1})
    heats, masks, groups = [], [], []
    for row in np.flatnonzero(known):
        heat = experiment.fitted.model.predict_on_batch(
            experiment.held_out.inputs[row : row + 1].astype(np.float32)
        )[1]
        mask = np.zeros(spec.shape[:2], bool)
        if bad[row]:
            mask = prepare_image(read_image(dataset.root / samples[row].mask), flat)[:, :, 0] > 127
        heats.append(fitted(np.asarray(heat, np.float32).reshape(heat.shape[1:3]), mask.shape))
        masks.append(mask)
        groups.append(samples[row].group or samples[row].path)
    overlap = region_overlap(heats, masks)
    return {
        "pixel_auroc": pixel_auroc(heats, masks, groups).as_json(),
        "pro": {
            "value": round(overlap, 6),
            "ci95": [round(overlap, 6)] * 2,
            "n": len(masks),
            "interval": "none",
        },
    }


def _thinned(picture: NDArray[np.generic]) -> NDArray[np.generic]:
    """Every n-th pixel, so that no side is longer than 64: pixels of one image are alike."""
    step = max(1, -(-max(picture.shape) // MOST_SIDE))
    return picture[::step, ::step]
