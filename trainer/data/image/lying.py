"""How good parts lie: alike, at any angle or place, or without a direction that shows.

Some sixty good pictures are compared with one: as they lie, at every turn, and in their likeliest
pose. That one is like the others once these are moved back; the nearest to their mean would be a
blurred one where they lie at any angle. A detector's fit tries alignment where parts lie anyhow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.alignment import (
    REFERENCE_PX,
    decode_reference,
    likeness_as_it_lies,
    make_alignment,
    seen_as,
)
from edge_agent.contracts.image.coarse_to_fine import Grey, likeness_by_turn, search
from trainer.data.class_sample import evenly
from trainer.data.prepare import read_picture
from trainer.data.samples import Dataset, Indices

MOST_SHIFT, AT_THE_BOUND = 0.15, 0.14
"""As shares of the frame; what is found at the bound is no part of one design."""

REFERENCES, COMPARED_WITH = 5, 16
"""Pictures that may become the reference, and those with which they are compared."""

LOOKED_AT, LEAST_PARTS = 60, 8
LEAST_LIKENESS = 0.65
"""Correlation of the middle part in its likeliest pose, below which nothing is said of poses."""

LEAST_DIRECTION = 0.1
"""So much better than the median turn its likeliest one correlates where a part has a direction."""

OFF_DEG, OFF_SHARE, LEAST_GAIN = 5.0, 0.02, 0.05
"""A part lies off from that turn, or that shift, on, where moving it back correlates that much
better.
"""

OFTEN = 0.2
"""Share of parts that lie off, from which on parts lie anyhow."""

Kind = Literal["alike", "anyhow", "round", "unlike"]


@dataclass(frozen=True)
class Lying:
    """parts: pictures looked at; as_they_lie, moved_back: the median likeness to the typical one,
    and in the likeliest pose; direction: how far that turn stands out of the others; off: the share
    that lies off; turn_deg, shift: what nine of ten do not exceed, the shift as a share of the
    frame.
    """

    parts: int
    as_they_lie: float
    moved_back: float
    direction: float
    off: float
    turn_deg: float
    shift: float

    @property
    def kind(self) -> Kind:
        """unlike: no part in the middle that all pictures share; round: no turn stands out."""
        if self.moved_back < LEAST_LIKENESS or self.shift >= AT_THE_BOUND:
            return "unlike"
        if self.direction < LEAST_DIRECTION:
            return "round"
        return "anyhow" if self.off >= OFTEN else "alike"

    def as_json(self) -> dict[str, object]:
        """The finding as plain values."""
        return {"kind": self.kind, **{name: round(one, 3) for name, one in vars(self).items()}}

    def sentence(self) -> str:
        """What was found; "" where there is nothing to say."""
        if self.kind == "unlike":
            return ""
        if self.kind == "round":
            return f"of {self.parts} good parts no turn stands out: round, or without a direction"
        most = f"turned by up to {self.turn_deg:.0f} degrees and shifted by {self.shift:.0%}"
        if self.kind == "alike":
            return f"{self.parts} good parts lie alike ({most})"
        return (
            f"{self.off:.0%} of {self.parts} good parts lie at another angle or place ({most}; "
            f"likeness to a typical one {self.as_they_lie:.2f}, moved back {self.moved_back:.2f})"
        )


def lying(dataset: Dataset, good: Indices) -> Lying | None:
    """How some of those samples lie; None where they are too few. Raises DatasetError for a file
    that cannot be read.
    """
    chosen = evenly(good, LOOKED_AT)
    if len(chosen) < LEAST_PARTS:
        return None
    pictures = {int(one): _small(read_picture(dataset, int(one))) for one in chosen}
    reference = pictures.pop(_most_alike(pictures))
    return lying_of(reference, list(pictures.values()))


def most_alike(dataset: Dataset, good: Indices) -> int:
    """Of some of those samples the one that is most like the others, moved back from any angle."""
    chosen = evenly(good, COMPARED_WITH)
    return _most_alike({int(one): _small(read_picture(dataset, int(one))) for one in chosen})


def lying_of(typical_one: Image, others: Sequence[Image]) -> Lying:
    """How the part of `others` lies beside that of `typical_one`; all uint8 (H, W, 3) RGB."""
    reference = _reference(typical_one)
    rows = []
    for image in others:
        seen = seen_as(reference, image)
        still = likeness_as_it_lies(seen, reference, MOST_SHIFT)
        found = search(seen, reference, 180.0, MOST_SHIFT)
        by_turn = likeness_by_turn(seen, reference, MOST_SHIFT, found)
        direction = found.likeness - float(np.median(by_turn))
        shift = max(abs(found.right), abs(found.down))
        rows.append((still, max(still, found.likeness), direction, abs(found.turn_deg), shift))
    still, moved, direction, turn, shift = np.array(rows).T
    gains = moved - still >= LEAST_GAIN
    off = gains & ((turn >= OFF_DEG) | (shift >= OFF_SHARE))
    return Lying(
        parts=len(others) + 1,
        as_they_lie=float(np.median(still)),
        moved_back=float(np.median(moved)),
        direction=float(np.median(direction)),
        off=float(off.mean()),
        turn_deg=float(np.quantile(np.where(gains, turn, 0), 0.9)),
        shift=float(np.quantile(np.where(gains, shift, 0), 0.9)),
    )


def _most_alike(pictures: Mapping[int, Image]) -> int:
    """The key of the picture to which the others are most like in their likeliest poses."""
    some = evenly(np.array(list(pictures)), COMPARED_WITH)
    candidates = [int(one) for one in evenly(some, REFERENCES)]
    others = {key: [pictures[int(one)] for one in some if one != key] for key in candidates}
    return max(candidates, key=lambda key: _moved_back(_reference(pictures[key]), others[key]))


def _moved_back(reference: Grey, others: Sequence[Image]) -> float:
    seen = [seen_as(reference, image) for image in others]
    return float(np.median([search(one, reference, 180.0, MOST_SHIFT).likeness for one in seen]))


def _small(image: Image) -> Image:
    """No larger than a reference: sixty pictures of a large camera would fill the memory."""
    scale = REFERENCE_PX / max(image.shape[:2])
    height, width = (max(8, round(side * scale)) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _reference(image: Image) -> Grey:
    return decode_reference(make_alignment(image).reference_png)
