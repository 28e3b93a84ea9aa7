"""What standardising is worth on training parts under the light that a line may have.

Both preparations see the same frames, as they were taken and 10 % brighter and darker. A detector
is stood for by the memory of cells and the scorer of whole pictures of `patchcore`, which score the
parts of other groups with and without a synthetic defect, or by what principal components cannot
redraw; a classifier by a logistic regression on pooled features, out of fold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image, Tensor
from edge_agent.contracts.image.brightness import standardised
from edge_agent.contracts.image.input import ImageInput
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.data.class_sample import evenly, evenly_by_class
from trainer.data.image.clipping import MOST_CLIPPED
from trainer.data.in_turn import in_turn
from trainer.data.prepare import read_picture, seen_tiles
from trainer.data.split import Split
from trainer.models.image.cross_fitting import FitScorer, Scorer
from trainer.models.image.feature_maps import Floats, scale_of
from trainer.models.image.heat_mean import to_logarithm
from trainer.models.image.linear_head import Choice, choose, left_out, regress
from trainer.models.image.patch_memory import fit_memory
from trainer.models.image.patchcore import WHOLE_PART
from trainer.models.image.redrawing import fit_redrawing, pixel_cells
from trainer.models.image.score_fusion import STEADY
from trainer.models.image.synthetic_defects import add_defects
from trainer.models.image.trial_features import Read, reader
from trainer.models.image.whole_picture import fit_whole
from trainer.statistics.metrics import recall_at
from trainer.training.api import LightBy

LIGHTS = (1.0, 1.1, 0.9)
"""Light of a frame, the one it was taken in first: lamps age and exposures differ by so much."""

MOST_PARTS = 60
LEAST_PARTS = 20
"""Fewer say nothing: one part more or less decides."""

MOST_TILES = 120
"""Of all parts together, evenly spaced within each: as many pictures cost 20 s of a processor."""

FOLDS = 3
SIZE = 64, 256
"""Features of a cell, and cells that the memory keeps."""

FALSE_REJECT = 0.05
"""1 % of so few parts is one or two: the oddest would decide, and no difference would be clear."""

ROUNDS = 200
"""Times that the parts are drawn anew for the error of a difference."""

STEP = "trial of light"

Merit = Callable[[NDArray[np.intp]], float]
"""Places of parts, some of them twice -> what the preparation is worth on them."""


@dataclass(frozen=True)
class LightTrial:
    """What pictures are worth as they are and standardised; error: the standard error of the
    difference; merit: what that is, for people; moved: by how many of their own standard deviations
    light moves the scores of good parts, as they are and standardised, None of a classifier.
    """

    parts: int
    merit: str
    plain: float
    standardised: float
    error: float
    moved: tuple[float, float] | None = None


def try_light(
    split: Split,
    spec: ImageInput,
    config: FitConfig,
    progress: Progress,
    by: LightBy = "features",
) -> LightTrial | None:
    """Compare by up to MOST_PARTS training parts; None where too few parts or groups say nothing.

    spec: not standardised; by: what a detector is stood for by, features of a frozen network or
    the pixels that components cannot redraw.
    """
    chosen = split.train[evenly_by_class(split.dataset.targets()[split.train], MOST_PARTS)]
    if len(chosen) < LEAST_PARTS:
        return None
    most = max(1, MOST_TILES // len(chosen))
    frames = list(in_turn(lambda index: _lit_tiles(split, int(index), spec, most), chosen))
    tiles = np.stack([np.concatenate(one) for one in zip(*frames, strict=True)])
    part = np.repeat(np.arange(len(chosen)), [len(one[0]) for one in frames])
    groups = np.array(split.dataset.groups())[chosen]
    if split.dataset.config.good_only:
        read = None if by == "pixels" else reader(spec.shape, config, progress, STEP)
        score = _remembered(read, config) if read else _redrawn
        return _of_detector(tiles, part, groups, score, config.seed)
    targets, read = split.dataset.targets()[chosen], reader(spec.shape, config, progress, STEP)
    return _of_classifier(tiles, targets, groups, read, config, progress)


def lit(frame: Image, light: float) -> Image:
    """The frame in `light` times its light; what the camera's range does not hold is clipped."""
    return np.asarray(np.clip(np.rint(frame * np.float32(light)), 0, 255), np.uint8)


Score = Callable[[Tensor, NDArray[np.intp], NDArray[np.intp]], Floats]
"""Good parts' pictures (lights + 1, N, H, W, C), the last row with a defect, the part of each and
the fold of each part -> scores (lights + 1, parts) by parts of the other folds.
"""


def _remembered(read: Read, config: FitConfig) -> Score:
    """By the scorers of `patchcore`."""

    def score(shown: Tensor, part: NDArray[np.intp], fold: NDArray[np.intp]) -> Floats:
        cells, whole = read(shown)
        near = _scores(cells, part, fold, lambda seen: fit_memory(seen, *SIZE, config.seed).heat)
        return _joined(near, _scores(whole, part, fold, _fit_whole))

    return score


def _redrawn(shown: Tensor, part: NDArray[np.intp], fold: NDArray[np.intp]) -> Floats:
    cells = np.stack([pixel_cells(row) for row in shown])
    return _scores(cells, part, fold, fit_redrawing)


def _of_detector(
    tiles: Tensor, part: NDArray[np.intp], groups: NDArray[np.str_], score: Score, seed: int
) -> LightTrial | None:
    """tiles: (lights, N, H, W, C) of good parts; part: (N,) whose tile each is."""
    names = np.unique(groups)
    if len(names) < 2:
        return None
    shown = np.concatenate([tiles, _flawed(tiles[0], seed)[None]])
    turn = np.random.default_rng(seed).permutation(len(names)) % min(FOLDS, len(names))
    fold = turn[np.searchsorted(names, groups)]
    found = [score(prepare(shown), part, fold) for prepare in (_as_it_is, _standardised)]
    plain, even = (_recall(one) for one in found)
    every = np.arange(len(groups))
    return LightTrial(
        len(groups),
        "synthetic defects found at 5 % false rejects",
        plain(every),
        even(every),
        _error(plain, even, groups, seed),
        (_moved(found[0]), _moved(found[1])),
    )


def _flawed(tiles: Tensor, seed: int) -> Tensor:
    """A synthetic defect on each, in one light after the other."""
    flawed = add_defects(tiles, np.random.default_rng(seed))[0]
    lights = np.resize(LIGHTS, len(flawed))
    return np.stack([lit(one, light) for one, light in zip(flawed, lights, strict=True)])


def _scores(
    cells: Floats, part: NDArray[np.intp], fold: NDArray[np.intp], fit_scorer: FitScorer
) -> Floats:
    """Cells (lights + 1, N, G, G, F) of good parts in each light and of the same with a defect ->
    scores (lights + 1, parts), the worst tile's, by a scorer that is fitted on parts of the other
    folds as they were taken.
    """
    scores = np.full((len(cells), len(fold)), -np.inf, np.float32)
    for one in np.unique(fold):
        away = fold[part] == one
        scorer = fit_scorer(cells[0, ~away])
        for row, shown in zip(scores, cells, strict=True):
            np.maximum.at(row, part[away], scorer(shown[away]).max(axis=(1, 2)))
    return scores


def _fit_whole(seen: Floats) -> Scorer:
    """By each part twice, as fit_whole takes them."""
    return fit_whole(np.concatenate([seen, seen])).heat


def _joined(near: Floats, whole: Floats) -> Floats:
    """Scores (lights + 1, parts) of both scorers as `patchcore` joins them."""
    scaled = []
    for scores in (near, whole):
        gain, lift = scale_of(scores[0], STEADY)
        scaled.append(scores * gain + lift)
    return (1 - WHOLE_PART) * to_logarithm(scaled[0]) + WHOLE_PART * scaled[1]


def _recall(scores: Floats) -> Merit:
    """Of scores (lights + 1, parts)."""

    def merit(places: NDArray[np.intp]) -> float:
        drawn = scores[:, places].ravel().astype(np.float64)
        is_bad = np.arange(len(drawn)) >= len(LIGHTS) * len(places)
        return recall_at(is_bad, drawn, FALSE_REJECT)

    return merit


def _moved(scores: Floats) -> float:
    calm, others = scores[0], scores[1 : len(LIGHTS)]
    return float(np.abs(others - calm).mean() / max(float(calm.std()), 1e-9))


def _of_classifier(
    tiles: Tensor,
    targets: NDArray[np.int64],
    groups: NDArray[np.str_],
    read: Read,
    config: FitConfig,
    progress: Progress,
) -> LightTrial | None:
    """tiles: (lights, N, H, W, C), one of each part; None where no group can be left out."""
    folds = left_out(targets, groups)
    if not folds:
        return None
    varied = "brightness" in config.image.augment
    merits = []
    for prepare in (_as_it_is, _standardised):
        rows = _pooled(read(prepare(tiles))[0])
        merits.append(_right(rows, targets, groups, folds, varied, config, progress))
    every = np.arange(len(targets))
    plain, even = merits
    error = _error(plain, even, groups, config.seed)
    return LightTrial(
        len(targets), "right out of fold, mean over classes", plain(every), even(every), error
    )


def _right(
    rows: Floats,
    targets: NDArray[np.int64],
    groups: NDArray[np.str_],
    folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    varied: bool,
    config: FitConfig,
    progress: Progress,
) -> Merit:
    """rows: (lights, N, F); varied: the fit varies brightness, so that the regression sees all."""
    labels, balanced = int(targets.max()) + 1, config.class_weights
    found = choose([rows[0]], targets, groups, labels, [(0,)], balanced, progress)
    right = np.zeros(rows.shape[:2], np.bool_)
    for seen, held in folds:
        known = rows[:, seen] if varied else rows[:1, seen]
        count = len(known)
        head = regress(
            [known.reshape(-1, rows.shape[2])],
            np.tile(targets[seen], count),
            np.full(count * len(seen), 1 / count),
            labels,
            Choice((0,), found.ridge),
            balanced,
        )
        logits = rows[:, held] @ head.kernels[0] + head.bias
        right[:, held] = logits.argmax(axis=2) == targets[held]

    def merit(places: NDArray[np.intp]) -> float:
        share, own = right[:, places].mean(axis=0), targets[places]
        return float(np.mean([share[own == label].mean() for label in np.unique(own)]))

    return merit


def _error(first: Merit, second: Merit, groups: NDArray[np.str_], seed: int) -> float:
    """The standard deviation of the difference where the groups are drawn anew, both by the same:
    the bootstrap of Efron, Annals of Statistics 1979.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    away = []
    for _ in range(ROUNDS):
        drawn = rng.integers(0, len(members), len(members))
        places = np.concatenate([members[one] for one in drawn])
        away.append(second(places) - first(places))
    return float(np.std(away))


def _lit_tiles(split: Split, index: int, spec: ImageInput, most: int) -> list[Tensor]:
    """Up to `most` tiles of a picture in each light."""
    frame = read_picture(split.dataset, index)
    lights = [seen_tiles(lit(frame, light), spec) for light in LIGHTS]
    chosen = evenly(np.arange(len(lights[0])), most)
    return [tiles[chosen] for tiles in lights]


def _as_it_is(tiles: Tensor) -> Tensor:
    return tiles


def _standardised(tiles: Tensor) -> Tensor:
    flat = tiles.reshape(-1, *tiles.shape[2:])
    return np.stack([standardised(one, MOST_CLIPPED) for one in flat]).reshape(tiles.shape)


def _pooled(cells: Floats) -> Floats:
    """(lights, N, G, G, F) -> (lights, N, 2 F): the mean and the largest of all cells."""
    return np.concatenate([cells.mean(axis=(2, 3)), cells.max(axis=(2, 3))], axis=2)
