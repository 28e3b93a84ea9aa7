"""Features of many pictures, by which a trial before a fit compares preparations of them."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.contracts.core.types import Tensor
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.models.image.feature_maps import (
    BATCH,
    Filled,
    Floats,
    listed,
    on_one_grid,
    tapped_backbone,
)
from trainer.models.image.weights import pretrained_of
from trainer.models.image.whole_picture import TAPS, whole_features
from trainer.training.predict import forward

TRIAL_PX = 224
"""Side of the square with as many pixels as a picture of a trial: half as many as a detector's."""

Read = Callable[[Tensor], tuple[Floats, Floats]]
"""Rows of pictures (R, N, H, W, C) -> cells (R, N, G, H, F) and features of whole pictures
(R, N, 1, 1, W).
"""


def reader(shape: tuple[int, ...], config: FitConfig, progress: Progress, what: str) -> Read:
    """Reads pictures of that shape by the frozen network, in float, in cells of 16 px; what: the
    trial, for the progress.
    """
    backbone = tapped_backbone(shape, pretrained_of(config), TAPS)
    cells = on_one_grid([backbone.taps[0], backbone.taps[-1]])
    network = backbone.model([cells, whole_features(backbone.taps)])

    def read(pictures: Tensor) -> tuple[Floats, Floats]:
        flat = pictures.reshape(-1, *pictures.shape[2:])
        rows = Filled(len(flat))
        with progress.steps(what, len(flat)) as bar:
            for outputs in forward(network, flat, BATCH):
                rows.add(listed(outputs))
                for _ in range(len(outputs[0])):
                    bar.advance()
        first, second = (one.reshape(*pictures.shape[:2], *one.shape[1:]) for one in rows.columns)
        return first, second

    return read
