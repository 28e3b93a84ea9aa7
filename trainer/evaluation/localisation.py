"""How well a heat map finds the defect: pixel AUROC and PRO, against masks of the defect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.run_folder.metrics import Metric
from trainer.data.image.masks import mask_as_shown, picture_mask
from trainer.data.prepare import read_picture
from trainer.evaluation.held_out import HeldOut
from trainer.evaluation.withheld import show_no_part
from trainer.statistics.metrics import auroc, bootstrapped
from trainer.training.predict import forward

Heat = NDArray[np.float32]
"""float32 (H, W), higher is worse."""

Mask = NDArray[np.bool_]
"""(H, W): where the defect is; all False for a good part."""

LIMIT = 0.3
"""PRO is taken up to this share of false alarms (Bergmann et al., IJCV 129, 2021)."""

STEPS = 200


def fitted(heat: Heat, shape: tuple[int, ...]) -> Heat:
    """The map at the size of the mask, bilinear."""
    return np.asarray(
        cv2.resize(heat, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32
    )


def pixel_auroc(maps: Sequence[Heat], masks: Sequence[Mask], groups: Sequence[str]) -> Metric:
    """Area under the ROC curve of single pixels; the interval draws groups of images."""
    thin_maps = [_thinned(heat) for heat in maps]
    thin_masks = [_thinned(mask) for mask in masks]

    def area(rows: NDArray[np.intp]) -> float:
        scores = np.concatenate([thin_maps[row].ravel() for row in rows]).astype(np.float64)
        return auroc(np.concatenate([thin_masks[row].ravel() for row in rows]) > 0, scores)

    return bootstrapped(area, list(groups), rounds=ROUNDS)


def region_overlap_figure(
    maps: Sequence[Heat], masks: Sequence[Mask], groups: Sequence[str], limit: float = LIMIT
) -> Metric:
    """PRO: the mean over defects of the part found, averaged over false-alarm shares 0 to `limit`.

    After Bergmann et al., The MVTec Anomaly Detection Dataset (IJCV 129, 2021): each connected
    region counts the same, however small. Not a number without a defect or without good pixels.
    The interval draws groups of images, good ones among them.
    """
    table = overlaps(maps, masks)
    return bootstrapped(lambda rows: _area(table, rows, limit), list(groups))


@dataclass(frozen=True)
class Overlaps:
    """What PRO is made of, counted once at C falling cuts, so that any draw of images is quick.

    alarms: (N, C) good pixels of each image above each cut; good: (N,) its good pixels;
    found: (N, C) the sum over its regions of the part above each cut; regions: (N,).
    """

    alarms: NDArray[np.float64]
    good: NDArray[np.float64]
    found: NDArray[np.float64]
    regions: NDArray[np.float64]


def overlaps(maps: Sequence[Heat], masks: Sequence[Mask]) -> Overlaps:
    """Count every image at cuts that lie dense where few good pixels are above them."""
    good = [heat[~mask] for heat, mask in zip(maps, masks, strict=True)]
    shares = np.unique(np.concatenate([np.linspace(0, LIMIT, STEPS), np.linspace(0, 1, STEPS)]))
    pooled = np.concatenate(good)
    cuts = np.quantile(pooled, 1 - shares, method="higher") if len(pooled) else 0 * shares
    above_cuts = np.zeros((len(maps), len(cuts)))
    regions = np.zeros(len(maps))
    for row, (heat, mask) in enumerate(zip(maps, masks, strict=True)):
        count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        regions[row] = count - 1
        for number in range(1, count):
            above_cuts[row] += _above(heat[labels == number], cuts) / (labels == number).sum()
    alarms = np.stack([_above(values, cuts) for values in good])
    return Overlaps(alarms, np.array([len(values) for values in good], float), above_cuts, regions)


def _above(values: NDArray[np.float32], cuts: NDArray[np.float32]) -> NDArray[np.float64]:
    """How many values lie above each cut."""
    return (len(values) - np.searchsorted(np.sort(values), cuts, side="right")).astype(float)


def _area(table: Overlaps, rows: NDArray[np.intp], limit: float) -> float:
    """The area under the curve of `rows` up to `limit`, as a share of it; it ends in (1, 1)."""
    good, regions = table.good[rows].sum(), table.regions[rows].sum()
    if not good or not regions:
        return float("nan")
    alarms = np.append(table.alarms[rows].sum(axis=0) / good, 1.0)
    overlap = np.append(table.found[rows].sum(axis=0) / regions, 1.0)
    shares = np.linspace(0, limit, STEPS)
    return float(np.trapezoid(np.interp(shares, alarms, overlap), shares) / limit)


ROUNDS = 100
"""Bootstrap rounds over pixels, of which there are many."""

MOST_SIDE = 64


def localisation_figures(held_out: HeldOut) -> dict[str, dict[str, object]]:
    """pixel_auroc and pro of a detector whose held-out samples have masks; else nothing."""
    spec, dataset = held_out.spec.input, held_out.split.dataset
    samples = [dataset.samples[int(index)] for index in held_out.split.test]
    bad = dataset.is_bad()[held_out.split.test]
    known = np.array([bool(sample.masks) for sample in samples]) | ~bad
    if not isinstance(spec, ImageInput) or spec.tiles.count > 1:
        return {}
    known &= ~show_no_part(held_out.inputs, held_out.split.test, held_out.spec)
    if not (known & bad).any() or len(held_out.network.outputs) < 2:
        return {}
    heats, masks, groups = [], [], []
    rows = np.flatnonzero(known)
    shown = held_out.inputs.inputs[rows]
    for row, (_, heat, *_) in zip(rows, forward(held_out.network, shown, 1), strict=True):
        mask = np.zeros((spec.shape[0], spec.shape[1]), bool)
        if bad[row]:
            index = int(held_out.split.test[row])
            frame = partial(read_picture, dataset, index)
            mask = mask_as_shown(picture_mask(dataset, index), spec, frame) > 127
        heats.append(fitted(heat.reshape(heat.shape[1:3]), mask.shape))
        masks.append(mask)
        groups.append(samples[row].group or samples[row].path)
    return {
        "pixel_auroc": pixel_auroc(heats, masks, groups).as_json(),
        "pro": region_overlap_figure(heats, masks, groups).as_json(),
    }


def _thinned(picture: NDArray[np.generic]) -> NDArray[np.generic]:
    """Every n-th pixel, so that no side is longer than 64: pixels of one image are alike."""
    step = max(1, -(-max(picture.shape) // MOST_SIDE))
    return picture[::step, ::step]
