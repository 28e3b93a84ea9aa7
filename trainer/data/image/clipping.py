"""How much of good pictures is black or white: as the camera gave it, and by the preparation.

What lies at an end of the range cannot be told apart any more, whatever is learnt from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.image.input import ImageInput
from trainer.data.class_sample import evenly
from trainer.data.prepare import read_picture, seen_tiles
from trainer.data.samples import Dataset, Indices

LOOKED_AT = 60
"""Pictures by which the shares are judged, evenly spaced."""

MOST_CLIPPED = 0.01
"""Of the values of a picture, so many may saturate when it is standardised."""

SIDE_PX = 320

NOTEWORTHY = 0.01
"""From this share of white values on, the exposure deserves a look."""


@dataclass(frozen=True)
class Clipping:
    """Shares of the colour values of n pictures. white, black: at 255 and at 0 in the frame as the
    camera gave it; prepared: of what was at neither when resized, at one of them by standardising;
    good: whether only good parts were looked at.
    """

    n: int
    good: bool
    white: float
    black: float
    prepared: float

    def sentence(self) -> str:
        """For `check`."""
        pictures = f"{self.n} {'good ' if self.good else ''}pictures"
        return (
            f"{pictures}: {self.white:.1%} of the values are at 255 and {self.black:.1%} at 0 as "
            f"the camera gave them; standardising clips {self.prepared:.1%} of the others"
        )


def clipping_of(dataset: Dataset, indices: Indices, spec: ImageInput) -> Clipping | None:
    """The mean shares of up to LOOKED_AT good samples of `indices`, of any where no label is good;
    None where there are none.
    """
    good = bool(dataset.good)
    known = indices[~dataset.is_bad()[indices]] if good else indices
    if not len(known):
        return None
    rows = [_shares(dataset, int(index), spec) for index in evenly(known, LOOKED_AT)]
    white, black, prepared = np.mean(rows, axis=0)
    return Clipping(len(rows), good, float(white), float(black), float(prepared))


def clipping_as_standardised(dataset: Dataset, indices: Indices) -> Clipping | None:
    """The same as any detector would prepare them: a square, standardised."""
    spec = ImageInput(
        width_px=SIDE_PX,
        height_px=SIDE_PX,
        shrink="exact",
        bit_depth=dataset.config.image.bit_depth,
        standardise=True,
        most_clipped=MOST_CLIPPED,
    )
    return clipping_of(dataset, indices, spec)


def _shares(dataset: Dataset, index: int, spec: ImageInput) -> tuple[float, float, float]:
    frame = read_picture(dataset, index)
    white, black = float(np.mean(frame == 255)), float(np.mean(frame == 0))
    if not spec.standardise:
        return white, black, 0.0
    plain = seen_tiles(frame, spec.model_copy(update={"standardise": False}))
    inside = ~_at_an_end(plain)
    clipped = _at_an_end(seen_tiles(frame, spec)) & inside
    return white, black, float(clipped.sum() / max(inside.sum(), 1))


def _at_an_end(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((picture == 0) | (picture == 255))
