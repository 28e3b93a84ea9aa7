"""How many small flaws a detector finds on parts as they lie or moved back, without being fitted.

A detector is stood for by its own scorer of cells, on float features of smaller pictures: `padim`
by Gaussians, `patchcore` by a memory. It learns some good parts and judges others, as they are and
with small synthetic flaws. These are drawn on the frame as it came, so that they are the same
whether the part is moved afterwards or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image, Tensor
from edge_agent.contracts.image.cut_out import is_blank
from edge_agent.contracts.image.input import ImageInput, Region, within_region
from trainer.data.class_sample import evenly
from trainer.data.prepare import read_picture, seen_tiles
from trainer.data.split import Split
from trainer.models.image.cross_fitting import Scorer
from trainer.models.image.feature_maps import Floats, random_projection
from trainer.models.image.flaws_found import Found, found_among
from trainer.models.image.padim import PadimOptions, fit_gaussians
from trainer.models.image.patch_memory import fit_memory
from trainer.models.image.small_flaws import FLAW_PX, small_flaws
from trainer.models.image.synthetic_defects import SMALL_KINDS, Kinds
from trainer.models.image.trial_features import Read

MOST_LEARNT, MOST_JUDGED, LEAST_PARTS = 40, 30, 20
"""Pictures of good training and validation parts, evenly spaced; of parts in several tiles fewer
parts, yet LEAST_PARTS.
"""

FLAWS_A_PART, LEAST_FLAWS = 2, 60
"""Flaws on each validation part, one a picture, and the least in all."""

SIZE = 64, 1024
"""Features of a cell, and cells that the memory keeps."""


@dataclass(frozen=True)
class Shown:
    """Good parts that are learnt, others, and these with flaws: uint8 (parts, tiles, H, W, C)."""

    learnt: Tensor
    judged: Tensor
    flawed: Tensor


def shown_by(
    split: Split,
    specs: Sequence[ImageInput],
    seed: int,
    kinds: Kinds = SMALL_KINDS,
    most_px: float = FLAW_PX,
) -> list[Shown]:
    """The same parts and flaws as each of the specifications shows them, of one region; split: of
    good parts alone; most_px: side of the square with as many pixels as flaws are drawn on. A frame
    so small that some specification no longer finds its part is left out: black, it would be the
    oddest of the good ones, above which flaws must be.
    """
    tiles, region = specs[0].tiles.count, specs[0].region
    most = [max(LEAST_PARTS, count // tiles) for count in (MOST_LEARNT, MOST_JUDGED)]
    good = [_frame(split, int(one), region, most_px) for one in evenly(split.val, most[1])]
    learnt = (_frame(split, int(one), region, most_px) for one in evenly(split.train, most[0]))
    learnt_rows, judged_rows = (_prepared(frames, specs) for frames in (learnt, good))
    is_learnt, is_judged = (_found_by_all(rows, specs) for rows in (learnt_rows, judged_rows))
    flawed = _flawed(list(compress(good, is_judged)), region, seed, kinds)
    return [
        Shown(learnt[is_learnt], judged[is_judged], spoilt)
        for learnt, judged, spoilt in zip(
            learnt_rows, judged_rows, _prepared(flawed, specs), strict=True
        )
    ]


def find_flaws(shown: Shown, names: Sequence[str], read: Read, seed: int) -> list[Found]:
    """What the detectors of these names find; the worst tile of a part decides. What is
    cut out no more because of its flaw is black, and not found: its score would be high anyway.
    """
    learnt, good, bad = (read(one)[0] for one in (shown.learnt, shown.judged, shown.flawed))
    lost = np.array([is_blank(tiles) for tiles in shown.flawed])
    found = []
    for name in names:
        score = STAND_INS[name](_listed(learnt), seed)
        calm, odd = (
            score(_listed(cells)).reshape(len(cells), -1).max(axis=1) for cells in (good, bad)
        )
        odd[lost] = -np.inf
        found.append(found_among(calm, odd))
    return found


def _prepared(frames: Iterable[Image], specs: Sequence[ImageInput]) -> list[Tensor]:
    """(parts, tiles, H, W, C) by each specification."""
    seen = [[seen_tiles(frame, spec) for spec in specs] for frame in frames]
    return [np.stack(one) for one in zip(*seen, strict=True)]


def _found_by_all(several: Sequence[Tensor], specs: Sequence[ImageInput]) -> NDArray[np.bool_]:
    """(parts,): those whose part each specification found; all of them where these are none, for a
    trial without parts could not be made.
    """
    lost = np.zeros(len(several[0]), np.bool_)
    for rows, spec in zip(several, specs, strict=True):
        if spec.cut_out:
            lost |= [is_blank(tiles) for tiles in rows]
    return ~lost if not lost.all() else np.ones_like(lost)


def _frame(split: Split, index: int, region: Region, most_px: float) -> Image:
    """A picture whose region has no more pixels than a square of that side."""
    image = read_picture(split.dataset, index)
    high, wide = image.shape[:2]
    factor = most_px / math.sqrt(high * wide * region.height * region.width)
    if factor >= 1:
        return image
    size = max(1, round(wide * factor)), max(1, round(high * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def rounds_of_flaws(parts: int) -> int:
    """How often a flaw is drawn on each of so many parts."""
    return max(FLAWS_A_PART, math.ceil(LEAST_FLAWS / parts))


def _flawed(good: Sequence[Image], region: Region, seed: int, kinds: Kinds) -> Iterator[Image]:
    """A flaw in the region of each frame, again and again."""
    rng = np.random.default_rng(seed)
    for _ in range(rounds_of_flaws(len(good))):
        for frame in good:
            flawed = frame.copy()
            seen = within_region(flawed, region)
            seen[:] = small_flaws(seen[None], rng, kinds)[0]
            yield flawed


def _listed(cells: Floats) -> Floats:
    """(parts, tiles, G, H, F) -> (parts * tiles, G, H, F)."""
    return cells.reshape(-1, *cells.shape[2:])


def _remembered(cells: Floats, seed: int) -> Scorer:
    return fit_memory(cells, *SIZE, seed).heat


def _at_each_position(cells: Floats, seed: int) -> Scorer:
    """In cells of 32 px, mixed down as `padim` does."""
    mixed = random_projection(cells.shape[3], PadimOptions().dimensions, seed)
    gaussians = fit_gaussians(_halved(cells @ mixed), 1)
    return lambda seen: gaussians.heat(_halved(seen @ mixed))


def _halved(cells: Floats) -> Floats:
    """(N, G, H, d) -> (N, G // 2, H // 2, d), the means of two by two."""
    count, high, wide, width = cells.shape
    even = cells[:, : high // 2 * 2, : wide // 2 * 2]
    split = even.reshape(count, high // 2, 2, wide // 2, 2, width)
    return np.asarray(split.mean(axis=(2, 4)), np.float32)


STAND_INS: Mapping[str, Callable[[Floats, int], Scorer]] = {
    "padim": _at_each_position,
    "patchcore": _remembered,
}
"""Cells of good parts (N, G, H, F) and a seed -> the scorer of the detector of that name."""
