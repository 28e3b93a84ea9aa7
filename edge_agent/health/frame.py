"""Whether a frame is fit to be judged: camera, cable, lens and lamp.

Four faults are looked for in a thinned frame (about 60 x 80 pixels, 0.2 ms): light (dark, or
saturated, as a whole or in one part), a part without a picture (rows or columns of one single
colour), a picture that came before (a camera that froze, a ring of stale buffers, half a frame of
an earlier one), and a driver's time stamp that stands still. What is usual for this line is taken
from the golden pictures of the bundle, where it has any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from edge_agent.contracts.core.types import Image
from edge_agent.settings.toml import Table

SAMPLES = 60
"""Pixels that are looked at along the shorter side of a frame."""
SATURATED = 254
GRID = 8
"""A frame is compared with earlier ones in GRID x GRID blocks."""
REMEMBERED = 16
"""Earlier frames that a frame is compared with: drivers have rings of at most so many buffers."""
LARGEST_PRIME = 65_521
"""Of 16 bits."""
TEXTURE = 2
"""Grey levels that a block must span to be compared: any live sensor's noise does, while a
saturated background is equal in every frame."""
LEAST_TEXTURED = 8
"""With fewer blocks of texture only frames that are equal as a whole are called equal."""
TORN_ROWS = 2
"""Rows of blocks, of GRID, that must be those of an earlier frame to call a frame torn."""
MOST_OF_THE_REST = 0.1
"""At most this share of a torn frame's other blocks is also equal."""
DARKER, LEAST_LIGHT = 0.2, 16.0
"""A frame, or a quarter of it, is too dark below this share of the darkest golden picture; what is
darker than LEAST_LIGHT there says nothing."""
ALIKE, MOST_ALIKE = 2, 0.1
"""A part without a picture has a colour that at most this share of the other pixels has, within
so many grey levels."""
MORE_SATURATED, MORE_FLAT = 0.1, 0.1
"""How much more than in the golden pictures may be saturated, or flat."""


class FrameHealthTable(Table):
    """When a frame is not fit to be judged. Golden pictures of the bundle widen these limits."""

    dark_mean: float = Field(
        default=8, ge=0, le=255, description="mean brightness below this is a dark frame; 0: off"
    )
    saturated_share: float = Field(
        default=0.8, gt=0, le=1, description="share of saturated pixels above this; 1: off"
    )
    flat_share: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="share of rows or columns of one single colour above this; 1: off",
    )
    frozen_frames: int = Field(
        default=2,
        ge=0,
        le=1000,
        description="so many frames in a row that came before are a frozen camera; 0: off",
    )
    frozen_share: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="share of a frame that makes it equal to another: a clock in a corner may move",
    )

    @field_validator("frozen_frames")
    @classmethod
    def _one_frame_is_no_row(cls, count: int) -> int:
        if count == 1:
            raise ValueError("one frame always equals itself: 2 is the strictest, 0 is off")
        return count


@dataclass(frozen=True)
class FrameLevels:
    """What is measured of one frame, or of several golden pictures the extreme.

    mean: 0-255; cells: float64 (4, 4), means of its parts; saturated, flat: shares 0-1; repeated:
    share of the rows at its lower end that repeat the row above them; spread: int16 (channels,),
    grey levels that each colour spans.
    """

    mean: float
    cells: NDArray[np.float64]
    saturated: float
    flat: float
    repeated: float
    spread: NDArray[np.int16]


class FrameHistory:
    """The last frames of a camera, and how many in a row had come before.

    It belongs to the channel: a camera that froze before a new bundle or a restart is still frozen
    after it.
    """

    def __init__(self) -> None:
        self.equal = 0
        self._ring = np.zeros((REMEMBERED, GRID, GRID), np.uint16)
        self._added = 0

    def compare(self, sample: Image, share: float) -> int:
        """Count a thinned frame, and return how many of GRID rows of blocks of a new one are an
        earlier frame's (a torn frame; 0 for a whole one).

        share: of equal blocks that makes frames equal. `equal` is then the number of frames in a
        row that had come before, the first of them included; 1 for a new one.
        """
        blocks = _blocks(sample)
        hashes = _hashes(blocks)
        torn, same = 0, False
        equal = self._ring[: self._added] == hashes
        # A live camera's frame hardly ever has a block of an earlier one: that is soon said.
        if equal.any():
            textured = _textured(blocks)
            same = _any_same(equal, textured, share)
            torn = 0 if same else _torn_rows(equal, textured)
        self.equal = self.equal + 1 if same else 1
        self._add(hashes)
        return torn

    def dump(self) -> list[str]:
        """The frames as they go to disk, each in hexadecimal."""
        oldest = max(0, self._added - REMEMBERED)
        return [self._ring[k % REMEMBERED].tobytes().hex() for k in range(oldest, self._added)]

    def restore(self, frames: Sequence[str], equal: int) -> None:
        """Remember what dump() gave; raises ValueError for a history that is none."""
        read = [np.frombuffer(bytes.fromhex(text), np.uint16) for text in frames]
        if any(frame.size != GRID * GRID for frame in read):
            raise ValueError("a frame of the history has another size")
        self._added = 0
        for frame in read:
            self._add(frame.reshape(GRID, GRID))
        self.equal = equal

    def _add(self, hashes: NDArray[np.uint16]) -> None:
        self._ring[self._added % REMEMBERED] = hashes
        self._added += 1


class FrameHealth:
    """Looks at the frames of one camera in their order.

    history: the channel's own; usual: the levels of the bundle's golden pictures, or None.
    """

    def __init__(
        self,
        limits: FrameHealthTable,
        history: FrameHistory | None = None,
        usual: FrameLevels | None = None,
    ) -> None:
        self._limits = limits
        self._history = FrameHistory() if history is None else history
        self._usual = usual
        self._device_ns: int | None = None

    def fault(self, image: Image, device_ns: int | None = None) -> str:
        """Why the frame is not fit to be judged, or nothing.

        device_ns: the driver's own time stamp of the frame, where it gives one.
        """
        sample = thin(image)
        # Every frame enters the history, also one that is unfit for its light.
        stale = self._stale(sample)
        stopped = device_ns is not None and device_ns == self._device_ns
        self._device_ns = device_ns
        light = self._light_fault(measure(sample))
        if light:
            return light
        if stopped:
            return "stale frame: the camera's time stamp did not advance"
        return stale

    def _light_fault(self, found: FrameLevels) -> str:
        limits, usual = self._limits, self._usual
        dark = limits.dark_mean
        if usual is not None and dark:
            dark = DARKER * usual.mean
        if found.mean < dark:
            return f"dark frame: mean brightness {found.mean:.1f} of 255; look at lamp and lens cap"
        saturated, flat = limits.saturated_share, limits.flat_share
        if usual is not None:
            saturated = max(saturated, usual.saturated + MORE_SATURATED)
            flat = max(flat, usual.flat + MORE_FLAT)
        if found.saturated > saturated:
            share = f"{found.saturated:.0%} of it white"
            return f"saturated frame: {share}; look at exposure and lamp"
        if limits.flat_share < 1 and found.flat > flat:
            share = f"{found.flat:.0%} of its rows or columns have one single colour"
            return f"incomplete frame: {share}; look at the camera's cable and bandwidth"
        if limits.flat_share < 1 and found.repeated > max(flat, usual.repeated if usual else 0):
            share = f"its last {found.repeated:.0%} repeat one row"
            return f"incomplete frame: {share}; look at the camera's cable and bandwidth"
        if usual is None:
            return ""
        if limits.flat_share < 1 and (lost := _lost_colour(found, usual)):
            return lost
        return _dark_part(found, usual) if limits.dark_mean else ""

    def _stale(self, sample: Image) -> str:
        torn = self._history.compare(sample, self._limits.frozen_share)
        if self._history.equal >= self._limits.frozen_frames > 0:
            return f"frozen camera: {self._history.equal} equal frames in a row"
        if torn and self._limits.frozen_frames:
            return "torn frame: its upper or lower part is an earlier frame's"
        return ""


def usual_levels(golden: Sequence[Image]) -> FrameLevels | None:
    """The darkest, the most saturated and the flattest of a line's golden pictures."""
    if not golden:
        return None
    found = [measure(thin(image)) for image in golden]
    return FrameLevels(
        min(one.mean for one in found),
        np.min([one.cells for one in found], axis=0),
        max(one.saturated for one in found),
        max(one.flat for one in found),
        max(one.repeated for one in found),
        np.min([one.spread for one in found], axis=0),
    )


def thin(image: Image) -> Image:
    """Every n-th pixel of every n-th row: uint8 (about SAMPLES and more, same channels)."""
    step = max(1, min(image.shape[:2]) // SAMPLES)
    return np.ascontiguousarray(image[::step, ::step])


def measure(sample: Image) -> FrameLevels:
    """The levels of a thinned frame."""
    planes = np.ascontiguousarray(sample.transpose(2, 0, 1))
    quarters = cv2.resize(sample, (4, 4), interpolation=cv2.INTER_AREA)
    highs = planes.max(axis=(1, 2)).astype(np.int16)
    return FrameLevels(
        sum(cv2.mean(sample)[: len(planes)]) / len(planes),
        quarters.reshape(4, 4, -1).mean(axis=2),
        np.count_nonzero(sample >= SATURATED) / sample.size,
        max(_flat_share(planes), _flat_share(planes.transpose(0, 2, 1))),
        _repeated_share(planes),
        highs - planes.min(axis=(1, 2)),
    )


def _blocks(sample: Image) -> NDArray[np.uint8]:
    """The GRID x GRID blocks of a thinned frame: (GRID * GRID, values of one block)."""
    rows, columns = (side // GRID for side in sample.shape[:2])
    if not rows or not columns:
        sample = np.repeat(np.repeat(sample, GRID, axis=0), GRID, axis=1)
        rows, columns = (side // GRID for side in sample.shape[:2])
    cut = sample[: rows * GRID, : columns * GRID]
    blocks = cut.reshape(GRID, rows, GRID, columns, -1).swapaxes(1, 2)
    return blocks.reshape(GRID * GRID, -1)


def _hashes(blocks: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """A number of each block, (GRID, GRID). 16 bits are enough, since many blocks must agree before
    frames are called equal.
    """
    sums = blocks.astype(np.float64) @ _weights(blocks.shape[1])
    return (sums % LARGEST_PRIME).astype(np.uint16).reshape(GRID, GRID)


def _textured(blocks: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which blocks have texture: (GRID, GRID)."""
    spread = blocks.max(axis=1) - blocks.min(axis=1)
    return np.asarray(spread > TEXTURE).reshape(GRID, GRID)


@cache
def _weights(count: int) -> NDArray[np.float64]:
    """Whole numbers that tell blocks of that size apart; their sums are exact in float64."""
    largest = (1 << 53) // (255 * count)
    return np.random.default_rng(0x5EED).integers(1, largest, count).astype(np.float64)


def _flat_share(planes: NDArray[np.uint8]) -> float:
    """Share of the rows of (channels, H, W) that hold no picture.

    They have one single colour that the rest of the frame does not have: an even background is a
    picture. White is not counted: a backlight is white.
    """
    few = planes[:, :, :: max(1, planes.shape[2] // 8)]
    if (few.max(axis=2) - few.min(axis=2) > 1).any(axis=0).all():
        return 0.0  # of a picture, a few pixels of each row show that it is none
    low, high = planes.min(axis=2), planes.max(axis=2)
    flat = (high - low <= 1).all(axis=0) & (low < SATURATED).any(axis=0)
    share = float(flat.mean())
    if share in (0.0, 1.0):
        # A whole frame of one colour is no picture either; one that a JPEG smoothed differs a bit.
        one_colour = (high.max(axis=1) == low.min(axis=1)).all()
        return share if one_colour else 0.0
    colour = np.median(low[:, flat], axis=1).reshape(-1, 1, 1)
    alike = (np.abs(planes[:, ~flat] - colour) <= ALIKE).all(axis=0).mean()
    return share if alike <= MOST_ALIKE else 0.0


def _repeated_share(planes: NDArray[np.uint8]) -> float:
    """Share of the rows at the lower end that equal the one above and show something: a decoder
    that got no more data goes on with its last row, a sensor never gives two equal ones.
    """
    if planes.shape[1] < 2 or not np.array_equal(planes[:, -1], planes[:, -2]):
        return 0.0
    equal = (planes[:, 1:] == planes[:, :-1]).all(axis=(0, 2))[::-1]
    count = len(equal) if equal.all() else int(equal.argmin())
    last = planes[:, -1]
    shows = (last.max(axis=1).astype(np.int16) - last.min(axis=1) > TEXTURE).any()
    return count / planes.shape[1] if shows else 0.0


def _lost_colour(found: FrameLevels, usual: FrameLevels) -> str:
    """Whether a colour that varies in every golden picture is the same everywhere here."""
    if found.spread.shape != usual.spread.shape or found.spread.max() <= TEXTURE:
        return ""
    if not ((found.spread == 0) & (usual.spread > TEXTURE)).any():
        return ""
    return "incomplete frame: one of its colours is lost; look at the camera's cable and format"


def _dark_part(found: FrameLevels, usual: FrameLevels) -> str:
    """Whether a quarter of the frame is darker than it ever is in the golden pictures."""
    dark = (found.cells < DARKER * usual.cells) & (usual.cells >= LEAST_LIGHT)
    if dark.sum() < 4:
        return ""
    return f"dark in {dark.mean():.0%} of the frame; look at lamps, lens cover and cable"


def _any_same(equal: NDArray[np.bool_], textured: NDArray[np.bool_], share: float) -> bool:
    """Whether one of the earlier frames is the same; equal: (N, GRID, GRID)."""
    if np.count_nonzero(textured) < LEAST_TEXTURED:
        return bool(equal.all(axis=(1, 2)).any())
    blocks = equal[:, textured]
    return bool(np.count_nonzero(blocks, axis=1).max() >= share * blocks.shape[1])


def _torn_rows(equal: NDArray[np.bool_], textured: NDArray[np.bool_]) -> int:
    """The most rows of blocks at an end of the frame that are those of one earlier frame.

    The rest of the frame must be new: a quiet background is equal in both halves.
    """
    whole = np.asarray((equal | ~textured).all(axis=2))
    from_above = _leading_rows(whole, equal, textured)
    from_below = _leading_rows(whole[:, ::-1], equal[:, ::-1], textured[::-1])
    return max(from_above, from_below)


def _leading_rows(
    whole: NDArray[np.bool_], equal: NDArray[np.bool_], textured: NDArray[np.bool_]
) -> int:
    """The most first rows that one earlier frame shares; whole: (N, GRID), rows that are equal."""
    most = 0
    for k in np.flatnonzero(whole[:, :TORN_ROWS].all(axis=1)):
        run = int(whole[k].argmin())
        rest = textured[run:]
        compared = textured[:run].sum() >= LEAST_TEXTURED <= rest.sum()
        if compared and equal[k, run:][rest].mean() <= MOST_OF_THE_REST:
            most = max(most, run)
    return most
