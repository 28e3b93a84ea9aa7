"""Pictures of where a defect is: anything that is not black is defect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.alignment import Pose
from edge_agent.contracts.image.cut_out import NoPartError, blank
from edge_agent.contracts.image.decode import read_image
from edge_agent.contracts.image.input import (
    ImageInput,
    Region,
    part_shown,
    place_of,
    prepare_image,
)

Mask = NDArray[np.uint8]
"""uint8 (H, W): 255 where the defect is, 0 elsewhere."""


def read_mask(path: Path) -> Mask:
    """A mask file as uint8 (H, W), 0 or 255; class numbers and palettes count as defect.

    A JPEG blurs the edge of black: there a pixel counts from half of the brightest on.
    Raises InputError that names the file.
    """
    brightest = read_image(path, 16).max(axis=2)
    blurred = path.suffix.lower() in (".jpg", ".jpeg", ".jpe", ".jfif")
    least = int(brightest.max()) // 2 if blurred else 0
    return np.asarray(np.where(brightest > least, 255, 0), np.uint8)


def mask_as_shown(mask: Mask, spec: ImageInput, frame: Callable[[], Image]) -> Mask:
    """A mask, uint8 (H, W), moved and cut as its frame is for the network: uint8 (height_px,
    width_px); black where that shows no part. frame: reads the picture, which is needed where its
    part is searched.
    """
    try:
        place = place_of(frame(), spec) if spec.align or spec.cut_out else Pose()
    except NoPartError:
        return blank((spec.height_px, spec.width_px))
    plain = {"channels": 1, "standardise": False, "align": None, "cut_out": None}
    flat = spec.model_copy(update={**plain, "region": Region()})
    return np.asarray(prepare_image(part_shown(as_picture(mask), place, spec), flat)[:, :, 0])


def as_picture(mask: Mask) -> Image:
    """A mask as uint8 (H, W, 3), so that it can be prepared like its picture."""
    return np.repeat(mask[:, :, None], 3, axis=2)
