"""Pictures of where a defect is: anything that is not black is defect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.alignment import Pose
from edge_agent.contracts.image.cut_out import NoPartError, blank
from edge_agent.contracts.image.decode import IMAGE_SUFFIXES, upright
from edge_agent.contracts.image.input import (
    ImageInput,
    Region,
    part_shown,
    place_of,
    prepare_image,
)
from edge_agent.contracts.image.picture_header import PictureHeader, read_header
from trainer.data.mask_levels import brightest_levels
from trainer.data.prepare import read_picture
from trainer.data.samples import Dataset

Mask = NDArray[np.uint8]
"""uint8 (H, W): 255 where the defect is, 0 elsewhere."""


@dataclass(frozen=True)
class PlacedMask:
    """A mask at the size of its picture, and whether it was turned or scaled for that."""

    pixels: Mask
    turned: bool
    scaled: bool


HEAD_BYTES = 1 << 16
SAVE = "save it as PNG of the picture's size, black where there is no defect"


def picture_mask(dataset: Dataset, index: int) -> Mask:
    """All masks of a sample as one, at the size of its picture as it is decoded: uint8 (H, W).

    Raises InputError that names the mask, as `placed_mask` does.
    """
    names = dataset.samples[index].masks
    masks = [placed_mask(dataset, index, name).pixels for name in names]
    return np.asarray(np.maximum.reduce(masks), np.uint8)


def placed_mask(dataset: Dataset, index: int, name: str) -> PlacedMask:
    """One mask at the size of its picture; one that has the size of the picture's file before its
    EXIF orientation is turned like it.

    Raises InputError for a mask that is not there, cannot be read, or has neither that size nor
    its aspect.
    """
    path, picture = dataset.root / name, dataset.file(index)
    drawn = read_mask(path)
    header = header_of(picture)
    size = size_upright(header)
    turn = _turn(drawn, header, is_upright=header_of(path).orientation != 1, where=str(path))
    if turn is None:
        height, width = read_picture(dataset, index).shape[:2]
        size, turn = (width, height), 1
        if not _is_alike(_size(drawn), size):
            raise InputError(
                f"a mask of {_px(_size(drawn))} px for {picture.name} of {_px(size)} px",
                where=str(path),
                cure="draw it on the whole picture, or crop the picture as the mask is",
            )
    drawn = np.asarray(upright(drawn, turn), np.uint8)
    if _size(drawn) == size:
        return PlacedMask(drawn, turn != 1, scaled=False)
    # What is a pixel of the larger mask must not vanish in the smaller picture.
    pixels = np.where(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA) > 0, 255, 0)
    return PlacedMask(np.asarray(pixels, np.uint8), turn != 1, scaled=True)


def read_mask(path: Path) -> Mask:
    """A mask file as uint8 (H, W), 0 or 255; class numbers and palettes count as defect.

    A JPEG blurs the edge of black: there a pixel counts from half of the brightest on.
    Raises InputError that names the file.
    """
    if not path.is_file():
        cure = "restore it, or correct its name in the column mask of the labels"
        raise InputError("the mask is not there", where=str(path), cure=cure)
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise InputError(
            f"a mask of type {suffix or 'none'} is not read", where=str(path), cure=SAVE
        )
    brightest = brightest_levels(path)
    blurred = suffix in (".jpg", ".jpeg", ".jpe", ".jfif")
    least = int(brightest.max()) // 2 if blurred else 0
    return np.asarray(np.where(brightest > least, 255, 0), np.uint8)


def header_of(path: Path) -> PictureHeader:
    """The header of a picture, by its first bytes where they suffice; raises InputError."""
    try:
        with path.open("rb") as file:
            return read_header(file.read(HEAD_BYTES), str(path))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"cannot be read ({reason})", where=str(path), cure="check the path"
        ) from error
    except InputError:
        return read_header(path.read_bytes(), str(path))


def size_upright(header: PictureHeader) -> tuple[int, int]:
    """(width, height) in px as the EXIF orientation shows the picture."""
    size = header.width_px, header.height_px
    return size if header.orientation < 5 else size[::-1]


def _turn(drawn: Mask, header: PictureHeader, *, is_upright: bool, where: str) -> int | None:
    """The EXIF orientation by which a mask must be turned, 1 for none; None where no size fits.

    is_upright: the mask has an orientation of its own, which is applied already.
    """
    stored, shown, size = (header.width_px, header.height_px), size_upright(header), _size(drawn)
    fits = _is_alike(size, shown) and (size == shown or size != stored)
    if header.orientation == 1 or is_upright:
        return 1 if _is_alike(size, shown) else None
    as_stored = _is_alike(size, stored) and (size == stored or size != shown)
    if not fits or not as_stored:
        return 1 if fits else header.orientation if as_stored else None
    if np.array_equal(upright(drawn, header.orientation), drawn):
        return 1
    raise InputError(
        "nothing tells whether this mask was drawn on its picture as it is shown or as the file "
        f"holds it: EXIF orientation {header.orientation} leaves the shape as it is",
        where=where,
        cure="turn the picture's pixels (mogrify -auto-orient) where the mask fits what is shown, "
        "remove its EXIF orientation (exiftool -Orientation=) where it fits what is stored",
    )


def _is_alike(mask: tuple[int, int], picture: tuple[int, int]) -> bool:
    """Whether sizes (width, height) have one aspect, to a pixel of the mask's rounding."""
    return abs(mask[0] * picture[1] - mask[1] * picture[0]) <= max(picture)


def _size(mask: Mask) -> tuple[int, int]:
    return mask.shape[1], mask.shape[0]


def _px(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


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
