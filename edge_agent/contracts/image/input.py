"""From a camera frame to the tensor of an image model: the one function all stages call."""

from __future__ import annotations

from typing import Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.raw_input import another_kind
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Image, Tensor
from edge_agent.contracts.image.alignment import (
    Alignment,
    Pose,
    find_pose,
    heat_as_it_lies,
    move,
)
from edge_agent.contracts.image.brightness import standardised
from edge_agent.contracts.image.cut_out import CutOut, Place, cut, find_part, heat_over
from edge_agent.contracts.image.resize import Shrink, resize

Heat = NDArray[np.float32]


class Region(Strict):
    """A rectangle of the frame as fractions of its width and height."""

    left: float = Field(default=0.0, ge=0, lt=1)
    top: float = Field(default=0.0, ge=0, lt=1)
    width: float = Field(default=1.0, gt=0, le=1)
    height: float = Field(default=1.0, gt=0, le=1)


class Tiling(Strict):
    """The region cut into equal tiles that overlap: small defects in large pictures stay large."""

    rows: int = Field(default=1, ge=1, le=16)
    columns: int = Field(default=1, ge=1, le=16)
    overlap: float = Field(default=0.1, ge=0, le=0.5, description="of a tile's side")

    @property
    def count(self) -> int:
        """Tiles of a frame."""
        return self.rows * self.columns

    def regions(self) -> list[Region]:
        """The tiles, row by row, as fractions of the picture that is cut."""
        down, across = _cuts(self.rows, self.overlap), _cuts(self.columns, self.overlap)
        return [
            Region(left=left, top=top, width=width, height=height)
            for top, height in down
            for left, width in across
        ]


class ImageInput(Strict):
    """What an image model takes: uint8 (height_px, width_px, channels), RGB or grey, 0-255."""

    kind: Literal["image"] = "image"
    width_px: int = Field(ge=8, le=4096)
    height_px: int = Field(ge=8, le=4096)
    channels: Literal[1, 3] = 3
    fit: Literal["stretch", "crop", "pad"] = Field(
        default="stretch",
        description="stretch to size; or scale and crop the centre; or scale and pad with black",
    )
    shrink: Shrink = Field(
        default="areas",
        description="how pictures shrink; a manifest that does not say so means areas",
    )
    bit_depth: int | None = Field(
        default=None,
        ge=9,
        le=16,
        description="bits that the camera fills in files with 16 bits a sample",
    )
    align: Alignment | None = Field(
        default=None, description="move the part to where the reference has it, first of all"
    )
    cut_out: CutOut | None = Field(
        default=None, description="of the region only the part, wherever and however it lies"
    )
    region: Region = Region()
    tiles: Tiling = Field(default=Tiling(), description="cut the region; the worst tile decides")
    standardise: bool = Field(
        default=False, description="last of all, the same mean and spread of grey levels"
    )
    most_clipped: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="share of values that standardising may saturate; a manifest that does not "
        "say so means all of them",
    )

    @model_validator(mode="after")
    def _moves_once(self) -> Self:
        if self.align is not None and self.cut_out is not None:
            raise ValueError("a part is either aligned or cut out")
        return self

    @model_validator(mode="after")
    def _stretches_what_is_cut_out(self) -> Self:
        if self.cut_out is not None and self.fit != "stretch":
            raise ValueError(
                f'the box of a part that is cut out is stretched: fit is "{self.fit}", '
                'and must be "stretch"'
            )
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height_px, width_px, channels)."""
        return self.height_px, self.width_px, self.channels

    def prepare(self, raw: object) -> Tensor:
        """One frame, uint8 (H, W, 3) RGB -> one tensor for each tile, uint8 (N, *shape).

        Raises InputError for anything else, NoPartError where no part can be cut out.
        """
        return self.prepare_posed(raw)[0]

    def prepare_posed(self, raw: object) -> tuple[Tensor, Pose | Place]:
        """The same, and how the frame was moved, or where its part lies."""
        if not isinstance(raw, np.ndarray):
            raise another_kind(self.kind, raw)
        return _posed(raw, self)

    def heat_over_frame(self, heat: Heat, pose: Pose | Place, frame: Image) -> Heat:
        """A heat map of the moved frame, or of its part -> over the frame as it came, or over the
        region; of a region of a moved frame as it is.
        """
        if isinstance(pose, Place) and self.cut_out:
            high, wide = within_region(frame, self.region).shape[:2]
            return heat_over(heat, pose, self.cut_out, (high, wide))
        if isinstance(pose, Place) or self.region != Region():
            return heat
        height, width = frame.shape[:2]
        return heat_as_it_lies(heat, pose, width, height)

    def join_heat(self, heats: NDArray[np.float32]) -> NDArray[np.float32]:
        """Heat maps of all tiles (N, h, w) -> one of the region."""
        return stitch(heats, self.tiles)


def prepare_image(image: Image, spec: ImageInput) -> Tensor:
    """The one tensor of a frame: uint8 (H, W, 3) RGB -> uint8 spec.shape, as prepare_tiles does.

    Raises InputError where the specification cuts the frame into several tiles.
    """
    if spec.tiles.count != 1:
        raise InputError(
            f"the frame becomes {spec.tiles.count} tiles", where="frame", cure="prepare the tiles"
        )
    return np.ascontiguousarray(prepare_tiles(image, spec)[0])


def prepare_tiles(image: Image, spec: ImageInput) -> Tensor:
    """Align, cut the region, the part and its tiles, fit, resize, standardise where the
    specification says so: uint8 (H, W, 3) RGB -> (N, *spec.shape).

    How pictures shrink is spec.shrink. No branch but those that find the part look at the pixels.
    Raises InputError for any other dtype or shape, NoPartError where no part can be cut out.
    """
    return _posed(image, spec)[0]


def part_shown(image: Image, place: Pose | Place, spec: ImageInput) -> Image:
    """What the network would see of a frame, or of its mask, at the frame's own detail."""
    if isinstance(place, Pose):
        return within_region(move(image, place), spec.region)
    seen = within_region(image, spec.region)
    return cut(seen, place, spec.cut_out) if spec.cut_out else seen


def place_of(image: Image, spec: ImageInput) -> Pose | Place:
    """How a frame is moved, or where its part lies in the region. Raises NoPartError."""
    if spec.cut_out:
        return find_part(within_region(image, spec.region), spec.cut_out)
    return find_pose(image, spec.align) if spec.align else Pose()


def _posed(image: Image, spec: ImageInput) -> tuple[Tensor, Pose | Place]:
    """The tensors of prepare_tiles, and the place or pose by which the frame was moved."""
    _refuse_wrong_array(image)
    place = place_of(image, spec)
    return _tiles(image, part_shown(image, place, spec), spec), place


def _tiles(image: Image, whole: Image, spec: ImageInput) -> Tensor:
    if spec.tiles.count == 1:
        sized = _sized(whole, spec)
        # A camera may fill its own array anew; a picture that was resized is a copy already.
        return (sized.copy() if np.may_share_memory(sized, image) else sized)[None]
    return np.stack([_sized(within_region(whole, tile), spec) for tile in spec.tiles.regions()])


def stitch(heats: NDArray[np.float32], tiles: Tiling) -> NDArray[np.float32]:
    """Heat maps of all tiles (N, h, w) -> one of the region; where tiles overlap the hotter counts.

    One cell of the result is as large as one of a tile's.
    """
    regions = tiles.regions()
    high, wide = heats.shape[1:]
    height, width = round(high / regions[0].height), round(wide / regions[0].width)
    joined = np.full((height, width), -np.inf, np.float32)
    for heat, place in zip(heats, regions, strict=True):
        top = min(round(place.top * height), height - high)
        left = min(round(place.left * width), width - wide)
        under = joined[top : top + high, left : left + wide]
        np.maximum(under, heat, out=under)
    return np.where(np.isfinite(joined), joined, heats.min()).astype(np.float32)


def _cuts(count: int, overlap: float) -> list[tuple[float, float]]:
    """(start, length) of `count` equal stretches of 0..1, neighbours sharing `overlap` of one."""
    if count == 1:
        return [(0.0, 1.0)]
    length = 1 / (count - (count - 1) * overlap)
    return [(place * length * (1 - overlap), length) for place in range(count)]


def _sized(image: Image, spec: ImageInput) -> Tensor:
    sized = resize(_fit(image, spec), spec.width_px, spec.height_px, spec.shrink)
    if spec.channels == 1:
        sized = np.asarray(cv2.cvtColor(sized, cv2.COLOR_RGB2GRAY)[:, :, None], np.uint8)
    picture = np.ascontiguousarray(sized)
    return standardised(picture, spec.most_clipped) if spec.standardise else picture


def within_region(image: Image, region: Region) -> Image:
    """The pixels of the region, one at least: a view of the image."""
    height, width = image.shape[:2]
    left, top = round(region.left * width), round(region.top * height)
    right = min(width, max(left + 1, round((region.left + region.width) * width)))
    bottom = min(height, max(top + 1, round((region.top + region.height) * height)))
    return image[min(top, height - 1) : bottom, min(left, width - 1) : right]


def _refuse_wrong_array(image: NDArray[np.generic]) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(
            f"expected uint8 (H, W, 3) RGB, got {image.dtype} {image.shape}",
            where="frame",
            cure="convert it in the camera driver",
        )


def _fit(image: Image, spec: ImageInput) -> Image:
    if spec.fit == "crop":
        return _centre_crop(image, spec.width_px / spec.height_px)
    if spec.fit == "pad":
        return _pad(image, spec.width_px / spec.height_px)
    return image


def _centre_crop(image: Image, aspect: float) -> Image:
    height, width = image.shape[:2]
    keep_w = min(width, max(1, round(height * aspect)))
    keep_h = min(height, max(1, round(width / aspect)))
    left, top = (width - keep_w) // 2, (height - keep_h) // 2
    return image[top : top + keep_h, left : left + keep_w]


def _pad(image: Image, aspect: float) -> Image:
    height, width = image.shape[:2]
    full_w, full_h = max(width, round(height * aspect)), max(height, round(width / aspect))
    left, top = (full_w - width) // 2, (full_h - height) // 2
    canvas = np.zeros((full_h, full_w, 3), np.uint8)
    canvas[top : top + height, left : left + width] = image
    return canvas
