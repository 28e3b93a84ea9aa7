"""The size of a network's input where pictures keep their aspect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import Field

from edge_agent.contracts.image.input import ImageInput
from trainer.config.fit import FitConfig
from trainer.data import class_sample
from trainer.data.image.part_boxes import box_of_good
from trainer.data.image.region_of_interest import good_of, region_of
from trainer.data.prepare import read_picture
from trainer.data.samples import Dataset, Indices
from trainer.data.split import Split

LONGEST_PX = 4096
STEP = 32

LONG, LARGE_PX = 1.5, 1000 * 1000
"""The aspect, and the pixels, from which on a picture is long or large."""

MOST_LOOKED_AT = 30
"""Pictures by which sizes and masks are judged."""

AspectChoice = Annotated[
    Literal["auto", "square", "kept"],
    Field(
        description="whether pictures are stretched to a square, or keep the aspect that half of "
        "them have, and size_px is the longer side; auto: kept where they are long and no size_px "
        "is given"
    ),
]

Item = TypeVar("Item")


def in_aspect(spec: ImageInput, split: Split, config: FitConfig, wanted: str) -> ImageInput:
    """The square `spec`, or as many pixels in the aspect of the pictures, or of their tiles;
    wanted: one of AspectChoice.
    """
    if wanted == "square" or (wanted == "auto" and not _may_be_long(config)):
        return spec
    height, width = _tile_sides(split, config)
    if wanted == "auto" and max(height, width) < LONG * min(height, width):
        return spec
    high, wide = fitting_sides(
        height,
        width,
        config.image.size_px,
        least_side=spec.width_px,
        most_px=spec.width_px * spec.height_px,
    )
    return spec.model_copy(update={"height_px": high, "width_px": wide})


def median_sides(
    dataset: Dataset, indices: Sequence[int] | Indices, config: FitConfig
) -> tuple[float, float]:
    """(height, width) in pixels of the region of those pictures, by their medians; of the box where
    parts are cut out.
    """
    some = evenly([int(one) for one in indices])
    shapes = np.array([read_picture(dataset, one).shape[:2] for one in some])
    _, _, across, down = config.image.region
    height, width = np.median(shapes, axis=0) * [down, across]
    if config.image.cut_out:
        box = box_of_good(dataset, good_of(dataset, np.asarray(indices)), region_of(config))
        height, width = box.across * width, box.along * width
    return float(height), float(width)


def is_long(sides: tuple[float, float]) -> bool:
    """Whether a square of a few hundred pixels shows too little of pictures of (height, width)."""
    short, long = sorted(sides)
    return long >= LONG * short or short * long >= LARGE_PX


def fitting_sides(
    height: float, width: float, longest_px: int, *, least_side: int, most_px: int
) -> tuple[int, int]:
    """(height, width) of the network for pictures of that size, multiples of STEP.

    longest_px: the longer side where it is given; 0: a shorter side of at least `least_side` in at
    most `most_px` pixels.
    """
    factor = longest_px / max(height, width)
    if not longest_px:
        factor = max(1.0, least_side / min(height, width))
        factor = min(factor, float(np.sqrt(most_px / (height * width))))
        factor = min(factor, LONGEST_PX / max(height, width))
    high, wide = (max(STEP, round(side * factor / STEP) * STEP) for side in (height, width))
    return high, wide


def evenly(several: Sequence[Item]) -> Sequence[Item]:
    """At most MOST_LOOKED_AT of them, evenly spaced."""
    return [several[one] for one in class_sample.evenly(np.arange(len(several)), MOST_LOOKED_AT)]


def _tile_sides(split: Split, config: FitConfig) -> tuple[float, float]:
    """Median (height, width) in pixels of the tiles of training pictures."""
    height, width = median_sides(split.dataset, split.train, config)
    return height / config.image.tile_rows, width / config.image.tile_columns


def _may_be_long(config: FitConfig) -> bool:
    """Whether the aspect is not settled by what is configured."""
    return not config.image.size_px and config.image.fit == "stretch"
