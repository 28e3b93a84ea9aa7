"""Cutting a part out of its frame, wherever and however it lies on a calm ground.

A small part in a large frame is seen at its full detail. The box has the same size for every frame,
so that a part keeps its scale; long parts are turned along it. A frame without one whole part is
not judged. Places come in fixed steps, so that the last bits of sums do not move them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Image, Tensor
from edge_agent.contracts.image.ground import Piece, Pieces, pieces_of

STEP_DEG = 0.25
STEP_SHARE = 1 / 4096
"""Steps of the turn, and of the place as a share of the frame's width."""

FINE_PX = 1024
"""Side of a box up to which a turned part is drawn finer than it is seen."""

DUST = 0.3
"""A second piece of that share of the largest one is another part; areas of good parts lie nearer
to one another.
"""

MOST_SIDE = 8.0
"""Of a box, as a share of the frame's width: frames may be so many times higher than wide."""

MOST_CELLS = 512
"""Of the longer side of a heat map over a frame: a small box in a large frame would have thousands,
which takes a tenth of a second before the verdict.
"""

Heat = NDArray[np.float32]


class CutOut(Strict):
    """The box that is cut out, and what a part is; learnt from good parts."""

    along: float = Field(
        gt=0, le=MOST_SIDE, description="the box's width, as a share of the frame's"
    )
    across: float = Field(
        gt=0, le=MOST_SIDE, description="its height, as a share of the frame's width"
    )
    turned: bool = Field(description="whether the part's long side is turned along the box")
    heavy_end_left: bool = Field(
        default=False, description="whether turned parts lie with their heavier end to the left"
    )
    around_deg: float = Field(
        default=0.0,
        ge=-90,
        le=90,
        description="parts whose ends are alike are turned by less than a quarter turn from this",
    )
    least_area: float = Field(gt=0, lt=1, description="of a part, as a share of the frame")
    most_area: float = Field(gt=0, le=1, description="of a part, as a share of the frame")
    least_contrast: float = Field(
        ge=0, le=255, description="grey levels by which a part differs from the ground"
    )

    @model_validator(mode="after")
    def _some_area_is_a_parts(self) -> Self:
        if self.least_area > self.most_area:
            raise ValueError("least_area is above most_area: nothing would be a part")
        return self

    def sentence(self) -> str:
        """For the log, the report and `check`."""
        end = " with its heavier end to the left" if self.heavy_end_left else ""
        turned = f", turned along the part{end}," if self.turned else ""
        return (
            f"a box of {self.along:.0%} x {self.across:.0%} of the frame's width{turned} holds each"
        )


@dataclass(frozen=True)
class Place:
    """Where a part lies: the middle of its box, as shares of the frame's width, from the left and
    the top; how far its long side is turned clockwise from the horizontal.
    """

    x: float
    y: float
    turn_deg: float = 0.0


@dataclass(frozen=True)
class Extent:
    """A piece's place, and how long and wide it is, as shares of the frame's width; lopsided: the
    skewness of its hull's pixels along it, above 0 where the heavier end lies to the left.
    """

    place: Place
    along: float
    across: float
    lopsided: float


class NoPartError(InputError):
    """A frame in which no part can be judged: none, several, or one that is partly outside."""

    def __init__(self, what: str, where: str = "frame") -> None:
        super().__init__(what, where=where, cure="let one whole part lie in the frame")


def find_part(image: Image, cut_out: CutOut) -> Place:
    """Where the one part of an image, uint8 (H, W, 3), lies.

    Raises NoPartError where there is none, more than one, or one that touches the frame's edge.
    """
    seen = pieces_of(image)
    if fault := no_part(seen, cut_out):
        raise NoPartError(fault)
    found = extent_of(hull_of(seen.pieces[0]), seen.width_px, turned=cut_out.turned)
    place = found.place
    turn = place.turn_deg
    if cut_out.heavy_end_left:
        turn += 180 if found.lopsided < 0 else 0
    elif cut_out.turned:
        turn -= 180 * math.ceil((turn - cut_out.around_deg - 90) / 180)
    return replace(place, turn_deg=turn)


def no_part(seen: Pieces, cut_out: CutOut) -> str:
    """Why no part can be cut out of what was seen; "" where the largest piece is the part."""
    if seen.contrast < cut_out.least_contrast or not seen.pieces:
        return "no part stands out of the ground"
    largest, least, most = seen.pieces[0], cut_out.least_area, cut_out.most_area
    if largest.share < least:
        covers = f"the largest piece covers {largest.share:.2%} of the frame"
        return f"{covers}, a part at least {least:.2%}"
    if largest.share > most:
        return f"a piece covers {largest.share:.2%} of the frame, one part at most {most:.2%}"
    if largest.at_the_edge:
        return "the part is partly outside the frame"
    count = sum(one.share >= max(least, DUST * largest.share) for one in seen.pieces)
    return f"{count} parts in one frame" if count > 1 else ""


def hull_of(piece: Piece) -> NDArray[np.float64]:
    """The pixels (M, 2) within the convex hull of a piece, x and y."""
    corner = piece.points.min(axis=0)
    hull = cv2.convexHull((piece.points - corner).astype(np.int32))
    across, down = hull.max(axis=(0, 1)) + 1
    inside = np.zeros((down, across), np.uint8)
    cv2.fillConvexPoly(inside, hull, 1)
    rows, columns = np.nonzero(inside)
    return np.asarray(np.stack([columns, rows], axis=1) + corner, np.float64)


def extent_of(solid: NDArray[np.float64], width_px: int, *, turned: bool) -> Extent:
    """Place and size of a piece with that hull, (M, 2), in a picture of that width; turned: along
    the hull's principal axis, which light and holes within the part do not change.
    """
    middle = solid.mean(axis=0)
    turn = _turn_deg(solid - middle) if turned else 0.0
    axes = axes_of(turn)
    laid = (solid - middle) @ axes.T
    low, high = laid.min(axis=0), laid.max(axis=0)
    x, y = (middle + ((low + high) / 2) @ axes + 0.5) / width_px
    along, across = (high - low + 1) / width_px
    place = Place(_stepped(x), _stepped(y), turn)
    return Extent(place, float(along), float(across), _skewness(laid[:, 0]))


def cut(image: Image, place: Place, cut_out: CutOut) -> Image:
    """The box around a part: uint8 (h, w, 3) of the frame's own pixels, (H, W, 3); where the box
    leaves the frame, its edge goes on.

    What is turned is drawn twice as large and halved: interpolation alone would leave some pixels
    as sharp as they were, and half of the detail between others, as the turn wants it. Both steps
    give the same on every processor, which cubic interpolation does not. A box of more than FINE_PX
    is shrunk for the network.
    """
    width = image.shape[1]
    wide, high = _box_px(cut_out, width)
    times = 2 if cut_out.turned and max(wide, high) <= FINE_PX else 1
    matrix = times * _to_box(place, (wide, high), width)
    matrix[:, 2] += (times - 1) / 2
    size = times * wide, times * high
    found = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    if times > 1:
        found = cv2.resize(found, (wide, high), interpolation=cv2.INTER_AREA)
    return np.asarray(found, np.uint8).reshape(high, wide, -1)


def heat_over(heat: Heat, place: Place, cut_out: CutOut, frame: tuple[int, int]) -> Heat:
    """The heat map (h, w) of a box, over the whole frame of (height, width) in cells of the same
    size, of a pixel at least; where the box is not, its least value. Where these would be more
    than MOST_CELLS on a side, the cells are larger, and each has the hottest of what lies in it.
    """
    height, width = frame
    wide, high = _box_px(cut_out, width)
    cells = heat.shape[1] / wide, heat.shape[0] / high
    size, larger = _map_size(frame, cells)
    to_frame = _of_cells(width / size[0], height / size[1])
    to_heat = np.linalg.inv(_of_cells(1 / cells[0], 1 / cells[1]))
    box = np.vstack([_to_box(place, (wide, high), width), [0, 0, 1]])
    to_cell = to_heat @ box @ to_frame
    laid = cv2.warpAffine(
        heat,
        to_cell[:2],
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float(heat.min()),
    )
    found = np.asarray(laid, np.float32)
    return _with_hottest(found, heat, np.linalg.inv(to_cell)) if larger else found


def axes_of(turn_deg: float) -> NDArray[np.float64]:
    """(2, 2): unit vectors along and across a part that is turned clockwise, as rows."""
    turn = np.radians(turn_deg)
    return np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def blank(shape: tuple[int, ...]) -> Tensor:
    """What the workshop keeps of a frame without a part, uint8 `shape`: black."""
    return np.zeros(shape, np.uint8)


def is_blank(tiles: Tensor) -> bool:
    """Whether that is what these are: such a frame gets NO-VERDICT."""
    return not tiles.any()


def _turn_deg(points: NDArray[np.float64]) -> float:
    """Of the principal axis of points around 0, in fixed steps from -90 to 90 degrees."""
    (xx, xy), (_, yy) = points.T @ points
    turn = np.degrees(np.arctan2(2 * xy, xx - yy)) / 2
    return float(round(turn / STEP_DEG) * STEP_DEG)


def _skewness(values: NDArray[np.float64]) -> float:
    """The third moment of values around their mean 0, over that of their spread."""
    square = float(np.square(values).mean())
    return float((values**3).mean() / square**1.5) if square else 0.0


def _box_px(cut_out: CutOut, width: int) -> tuple[int, int]:
    wide, high = (max(1, round(share * width)) for share in (cut_out.along, cut_out.across))
    return wide, high


def _to_box(place: Place, box: tuple[int, int], width: int) -> NDArray[np.float64]:
    """(2, 3): pixels of a frame of that width -> pixels of the box; whole ones where nothing is
    turned.
    """
    axes = axes_of(place.turn_deg)
    middle = np.array([place.x, place.y]) * width - 0.5
    shift = (np.array(box) - 1) / 2 - axes @ middle
    if not place.turn_deg:
        shift = np.round(shift)
    return np.column_stack([axes, shift])


def _map_size(
    frame: tuple[int, int], cells_a_px: tuple[float, float]
) -> tuple[tuple[int, int], bool]:
    """(width, height) in cells of a map over a frame of (height, width), and whether its cells are
    larger than asked: there are no more than pixels, and at most MOST_CELLS on a side.
    """
    asked = frame[1] * cells_a_px[0], frame[0] * cells_a_px[1]
    few = min(frame[1], asked[0]), min(frame[0], asked[1])
    scale = min(1.0, MOST_CELLS / max(few))
    wide, high = (max(1, round(side * scale)) for side in few)
    return (wide, high), few != asked or scale < 1


def _with_hottest(laid: Heat, heat: Heat, to_map: NDArray[np.float64]) -> Heat:
    """A map (H, W) in whose cells no heat is lost that lies there: larger cells are interpolated
    between few of the smaller ones. to_map: (3, 3), cells of the heat -> those of the map.
    """
    rows, columns = np.indices(heat.shape).reshape(2, -1)
    middles = np.stack([columns, rows, np.ones(heat.size)])
    across, down = np.rint(to_map[:2] @ middles).astype(int)
    within = (across >= 0) & (across < laid.shape[1]) & (down >= 0) & (down < laid.shape[0])
    np.maximum.at(laid, (down[within], across[within]), heat.ravel()[within])
    return laid


def _of_cells(across: float, down: float) -> NDArray[np.float64]:
    """(3, 3): cells of that many pixels -> pixels; both are numbered by their middles."""
    return np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1.0]])


def _stepped(share: float) -> float:
    return float(round(share / STEP_SHARE) * STEP_SHARE)
