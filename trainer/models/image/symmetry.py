"""Turned and mirrored copies of good parts, where a turned good part is as usual as a good one.

Parts that lie anyhow, and surfaces without a direction, teach a detector more by copies; of parts
that always lie alike a turned copy is no good part. Which it is, good parts tell: held-out ones are
judged as they are and turned, by a detector of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from trainer.models.image.cross_fitting import Copies, JudgeOf, held_out
from trainer.models.image.feature_maps import Floats
from trainer.models.layers.int8 import Sight
from trainer.statistics.metrics import auroc
from trainer.training.api import Training

SYMMETRIES: dict[str, Callable[[Tensor], Tensor]] = {
    "mirrored": lambda images: images[:, :, ::-1],
    "upside down": lambda images: images[:, ::-1],
    "turned by 180": lambda images: images[:, ::-1, ::-1],
    "turned by 90": lambda images: np.rot90(images, axes=(1, 2)),
}
"""Name -> images (N, H, W, C) turned; H equals W."""

AS_USUAL = 0.6
"""The AUROC of turned against unturned good parts up to which they are held to be alike."""

FEWEST, MOST = 16, 100
"""Held-out parts by which that is judged."""

MOST_COPIES = 400
"""More only cost time: so many good parts need no copies."""


def symmetric_copies(
    training: Training, sight: Sight, cells: Sequence[Floats], judges: Sequence[JudgeOf]
) -> Copies:
    """Copies of the training inputs in the turns that are usual; none where no turn is."""
    names = usual_symmetries(training, sight, cells, judges)
    if not names:
        return Copies(np.zeros(0, np.intp), [one[:0] for one in cells])
    training.talk.say(f"good parts may lie {', '.join(names)}: copies of them teach, too")
    inputs = training.train.inputs
    rng = np.random.default_rng(training.config.seed)
    most = max(1, MOST_COPIES // len(names))
    chosen = [rng.permutation(len(inputs))[:most] for _ in names]
    pairs = zip(names, chosen, strict=True)
    turned = np.concatenate([SYMMETRIES[name](inputs[which]) for name, which in pairs])
    return Copies(np.concatenate(chosen), sight.twice(turned, "turned copies"))


def usual_symmetries(
    training: Training, sight: Sight, cells: Sequence[Floats], judges: Sequence[JudgeOf]
) -> list[str]:
    """Names of the turns in which held-out good parts look no odder to any judge."""
    turns = held_out(training)
    held = np.any(turns[::2], axis=0)
    places = np.flatnonzero(held)[:MOST]
    if held.all() or len(places) < FEWEST:
        return []
    known = [judge(one[~np.tile(held, 2)]) for judge, one in zip(judges, cells, strict=True)]
    plain = [_peaks(judge(one[places])) for judge, one in zip(known, cells, strict=True)]
    usual = []
    for name, turn in SYMMETRIES.items():
        seen = sight.plain(turn(training.train.inputs[places]), f"good parts {name}")
        odd = [_peaks(judge(one)) for judge, one in zip(known, seen, strict=True)]
        if all(_odder(*pair) <= AS_USUAL for pair in zip(plain, odd, strict=True)):
            usual.append(name)
    return usual


def _peaks(heat: Floats) -> NDArray[np.float64]:
    return np.asarray(heat.reshape(len(heat), -1).max(axis=1), np.float64)


def _odder(plain: NDArray[np.float64], turned: NDArray[np.float64]) -> float:

    truth = np.repeat([False, True], [len(plain), len(turned)])
    return auroc(truth, np.concatenate([plain, turned]))
