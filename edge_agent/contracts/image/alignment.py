"""Turning and shifting a frame until the part lies as in the reference picture.

For parts that a feeder leaves a few millimetres or degrees off, or at any angle. The middle of the
reference is searched in the frame by normalised correlation (Lewis, "Fast normalized
cross-correlation", 1995); light does not move a part. Poses come in fixed steps, so that every
machine finds the same one.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.coarse_to_fine import REFERENCES, Grey, between, search, turned

REFERENCE_PX = 128
"""The longer side of the reference picture."""

COARSE_DEG = 4.0
FINE_DEG = 0.5
"""Steps of the turn where every angle of a grid is searched."""

LEAST_GAIN = 0.05
"""A pose must correlate that much better than the frame as it is."""


class Alignment(Strict):
    """The reference picture, and how far a part may lie from it."""

    reference_png: str = Field(description="grey picture of a good part, PNG in base64")
    turn_deg: float = Field(default=0.0, ge=0, le=180, description="largest turn either way")
    shift_share: float = Field(
        default=0.15, gt=0, le=0.5, description="largest shift, as a share of the frame"
    )
    search: Literal["every", "coarse_to_fine"] = Field(
        default="every",
        description="every angle of a grid in the whole reference, or coarse to fine, which takes "
        "far less time; a manifest that does not say so means every",
    )

    @field_validator("reference_png")
    @classmethod
    def _is_a_picture(cls, text: str) -> str:
        decode_reference(text)
        return text


@dataclass(frozen=True)
class Pose:
    """How the frame is moved: turned about its middle, then shifted by shares of its size."""

    turn_deg: float = 0.0
    right: float = 0.0
    down: float = 0.0


def make_alignment(image: Image, turn_deg: float = 0.0, shift_share: float = 0.15) -> Alignment:
    """An alignment to `image`, uint8 (H, W, 3) RGB."""
    height, width = image.shape[:2]
    scale = REFERENCE_PX / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    _, payload = cv2.imencode(".png", grey)
    text = base64.b64encode(payload.tobytes()).decode("ascii")
    return Alignment(
        reference_png=text, turn_deg=turn_deg, shift_share=shift_share, search="coarse_to_fine"
    )


def move(image: Image, pose: Pose) -> Image:
    """uint8 (H, W, 3) moved by a pose; itself where that moves nothing."""
    if pose == Pose():
        return image
    height, width = image.shape[:2]
    matrix = _matrix(pose, width, height)
    moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def heat_as_it_lies(heat: Grey, pose: Pose, width: int, height: int) -> Grey:
    """The heat map (h, w) of an aligned frame of (width, height), back over the frame as it came.

    What turned out of the map gets its least value.
    """
    if pose == Pose():
        return heat
    high, wide = heat.shape
    to_frame = np.array(
        [
            [width / wide, 0, width / wide / 2 - 0.5],
            [0, height / high, height / high / 2 - 0.5],
            [0, 0, 1],
        ]
    )
    aligned = np.vstack([_matrix(pose, width, height), [0, 0, 1]])
    matrix = (np.linalg.inv(to_frame) @ aligned @ to_frame)[:2]
    back = cv2.warpAffine(
        heat,
        matrix,
        (wide, high),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float(heat.min()),
    )
    return np.asarray(back, np.float32)


def find_pose(image: Image, alignment: Alignment) -> Pose:
    """The pose under which the frame correlates best with the middle of the reference."""
    reference = decode_reference(alignment.reference_png)
    height, width = reference.shape
    seen = seen_as(reference, image)
    least = likeness_as_it_lies(seen, reference, alignment.shift_share) + LEAST_GAIN
    if alignment.search == "every":
        return _of_every_angle(seen, reference, alignment, least)
    found = search(seen, reference, alignment.turn_deg, alignment.shift_share)
    return Pose(*found.back(width / height)) if found.likeness > least else Pose()


def seen_as(reference: Grey, image: Image) -> Grey:
    """uint8 (H, W, 3) RGB -> float32 grey of the reference's size."""
    height, width = reference.shape
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def likeness_as_it_lies(seen: Grey, reference: Grey, most_shift: float) -> float:
    """Correlation of the middle of the reference with the frame as it is; both of one size."""
    found = _fits(seen, reference, most_shift)
    return float(found[found.shape[0] // 2, found.shape[1] // 2])


@lru_cache(maxsize=REFERENCES)
def decode_reference(text: str) -> Grey:
    """Base64 PNG -> float32 (H, W); raises ValueError for anything else."""
    try:
        payload = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("the reference is not base64") from error
    pixels = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_GRAYSCALE)
    if pixels is None or min(pixels.shape) < 8:
        raise ValueError("the reference is no picture of at least 8 x 8 pixels")
    return pixels.astype(np.float32)


def _of_every_angle(seen: Grey, reference: Grey, alignment: Alignment, least: float) -> Pose:
    best, likeness = Pose(), least
    for step in (COARSE_DEG, FINE_DEG):
        for turn in _turns(alignment.turn_deg, step, best.turn_deg):
            pose, found = _search(turned(seen, turn), reference, turn, alignment.shift_share)
            if found > likeness:
                best, likeness = pose, found
    return best


def _turns(most: float, step: float, middle: float) -> list[float]:
    """The whole range in coarse steps, or the neighbourhood of the best one in fine steps."""
    reach = most if step == COARSE_DEG else min(most, COARSE_DEG)
    count = int(reach / step + 1e-9)
    turns = [middle + step * number for number in range(-count, count + 1)]
    return [turn for turn in turns if abs(turn) <= most]


def _search(seen: Grey, reference: Grey, turn_deg: float, most: float) -> tuple[Pose, float]:
    """Where the middle of the reference lies in a turned frame, and how well it fits there."""
    found = _fits(seen, reference, most)
    down, right = (int(place) for place in np.unravel_index(int(found.argmax()), found.shape))
    peak = float(found[down, right])
    row, column = between(found[:, right], down), between(found[down], right)
    middle_y, middle_x = (found.shape[0] - 1) / 2, (found.shape[1] - 1) / 2
    height, width = reference.shape
    pose = Pose(turn_deg, (middle_x - column) / width, (middle_y - row) / height)
    return pose, peak


def _fits(seen: Grey, reference: Grey, most: float) -> Grey:
    """Correlation of the reference's middle at every shift; 0 where there is no contrast."""
    height, width = reference.shape
    top, left = max(1, int(height * most)), max(1, int(width * most))
    top, left = min(top, height // 2 - 2), min(left, width // 2 - 2)
    middle = np.ascontiguousarray(reference[top : height - top, left : width - left])
    if float(middle.std()) < 1 or float(seen.std()) < 1:
        return np.zeros((2 * top + 1, 2 * left + 1), np.float32)
    found = cv2.matchTemplate(seen, middle, cv2.TM_CCOEFF_NORMED)
    return np.nan_to_num(np.asarray(found, np.float32), posinf=0.0, neginf=0.0)


def _matrix(pose: Pose, width: int, height: int) -> NDArray[np.float64]:
    middle = (width - 1) / 2, (height - 1) / 2
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, pose.turn_deg, 1.0), np.float64)
    matrix[:, 2] += pose.right * width, pose.down * height
    return matrix
