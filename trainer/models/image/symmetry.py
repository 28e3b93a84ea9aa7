"""Copies of good parts: under another light, and turned where that is as usual.

Turned copies help a detector of parts that lie in any direction and of surfaces without a
direction; where parts always lie alike, a turned copy is not a good part. Held-out good parts
decide: a detector of the other parts scores them as they are and turned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from trainer.data.image.relit import relit
from trainer.models.image.cross_fitting import Copies, FitScorer, held_out
from trainer.models.image.feature_maps import Floats, fewer_of_large
from trainer.models.layers.int8 import FeatureReader
from trainer.statistics.metrics import auroc
from trainer.training.api import Training

QUARTER = "turned by 90"
SYMMETRIES: dict[str, Callable[[Tensor], Tensor]] = {
    "mirrored": lambda images: images[:, :, ::-1],
    "upside down": lambda images: images[:, ::-1],
    "turned by 180": lambda images: images[:, ::-1, ::-1],
    QUARTER: lambda images: np.rot90(images, axes=(1, 2)),
}
"""Name -> images (N, H, W, C) turned; QUARTER where H equals W."""

MOST_SEPARATION = 0.6
"""The AUROC of turned against unturned good parts up to which they are held to be alike."""

FEWEST, MOST = 16, 100
"""Held-out parts by which that is judged."""

MOST_COPIES = 400
"""Of the usual size: more only cost time, and so many good parts need no copies."""

LIGHTS = 4
"""Copies of a part as it lies or is turned, each under a light of its own, where so many fit."""


def varied_copies(
    training: Training,
    reader: FeatureReader,
    cells: Sequence[Floats],
    scorers: Sequence[FitScorer],
    *,
    other_light: bool,
) -> Copies:
    """Copies of the training inputs, turned where they have symmetries, each under another light
    where `other_light` is set; none where neither is.
    """
    names = find_symmetries(training, reader, cells, scorers)
    if names:
        training.progress.say(f"good parts may lie {', '.join(names)}: turned copies are added")
    turns = [SYMMETRIES[name] for name in names] or ([_unturned] if other_light else [])
    if not turns:
        return Copies(np.zeros(0, np.intp), [one[:0] for one in cells])
    inputs = training.train.inputs
    rng = np.random.default_rng(training.config.seed)
    most = max(1, fewer_of_large(MOST_COPIES, inputs.shape[1:]) // len(turns))
    count = min(most, len(inputs) * (LIGHTS if other_light else 1))
    chosen = [np.resize(rng.permutation(len(inputs)), count) for _ in turns]
    turned = [turn(inputs[which]) for turn, which in zip(turns, chosen, strict=True)]
    varied = np.concatenate([relit(one, rng) if other_light else one for one in turned])
    features = reader.read_both(varied, "copies of good parts")
    return Copies(np.concatenate(chosen), features[: len(scorers)])


def _unturned(images: Tensor) -> Tensor:
    return images


def find_symmetries(
    training: Training, reader: FeatureReader, cells: Sequence[Floats], scorers: Sequence[FitScorer]
) -> list[str]:
    """Names of the symmetries under which no scorer gives held-out good parts a higher score."""
    folds = held_out(training)
    left_out = np.any(folds[::2], axis=0)
    indices = np.flatnonzero(left_out)[:MOST]
    if left_out.all() or len(indices) < FEWEST:
        return []
    fitted = [fit(one[~np.tile(left_out, 2)]) for fit, one in zip(scorers, cells, strict=True)]
    plain = [_peaks(scorer(one[indices])) for scorer, one in zip(fitted, cells, strict=True)]
    names = []
    height, width = training.spec.shape[:2]
    possible = [one for one in SYMMETRIES if one != QUARTER or height == width]
    for name in possible:
        turn = SYMMETRIES[name]
        features = reader.read_float(turn(training.train.inputs[indices]), f"good parts {name}")
        pairs = zip(fitted, features[: len(fitted)], strict=True)
        turned = [_peaks(scorer(one)) for scorer, one in pairs]
        if all(_separation(*pair) <= MOST_SEPARATION for pair in zip(plain, turned, strict=True)):
            names.append(name)
    return names


def _peaks(heat: Floats) -> NDArray[np.float64]:
    return np.asarray(heat.reshape(len(heat), -1).max(axis=1), np.float64)


def _separation(plain: NDArray[np.float64], turned: NDArray[np.float64]) -> float:

    truth = np.repeat([False, True], [len(plain), len(turned)])
    return auroc(truth, np.concatenate([plain, turned]))
