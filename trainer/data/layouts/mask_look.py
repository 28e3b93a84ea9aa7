"""Whether a picture looks like a drawn mask: the names fit photographs of masks and labels too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from trainer.data.mask_levels import brightest_levels

LOOKED_AT = 8
"""Pictures that are opened of a set; where these disagree, all are."""
FEW_LEVELS = 8
DARK = 8
"""Up to this level a pixel of a mask with soft edges says that there is no defect."""
FLAT = 0.8
"""Share of such a mask's pixels that are black or white, and of those equal to the next one: soft
edges are few pixels, and the noise of a camera leaves no two neighbours equal.
"""
WHITE = 1 / 8
"""Share of the pixels that are not black that are white: of small masks with wide edges a fifth, of
parts that were photographed on a black ground a twentieth.
"""


@dataclass(frozen=True)
class Told:
    """masks: what looks like a mask; odd: what does not, among more that do; few: what does, among
    more that do not. Where most look like no mask, none is one.
    """

    masks: Sequence[str] = ()
    odd: Sequence[str] = ()
    few: Sequence[str] = ()


def told_by_look(paths: Sequence[str], is_mask: Callable[[str], bool]) -> Told:
    """Which of `paths` are masks, by some of them where these agree, else by all."""
    step = max(1, len(paths) // LOOKED_AT)
    looks = {is_mask(path) for path in paths[::step]}
    if looks != {True, False}:
        return Told(masks=paths) if looks == {True} else Told()
    masks = [path for path in paths if is_mask(path)]
    if 2 * len(masks) < len(paths):
        return Told(few=masks)
    known = set(masks)
    return Told(masks, odd=[path for path in paths if path not in known])


def may_be_mask(root: Path, path: str) -> bool:
    """Whether a picture that is named like a mask looks like one, or cannot be read at all."""
    pixels = _brightest(root / path)
    return pixels is None or is_drawn(pixels) or is_soft(pixels)


def is_mask_of(root: Path, picture: str, mask: str, *, soft: bool) -> bool:
    """Whether the second of two pictures looks like a mask, and the first one less so; soft: also
    one with soft edges, which parts on a black ground may look like.
    """
    pixels, drawn = _brightest(root / picture), _brightest(root / mask)
    if pixels is None or drawn is None:
        return False
    if is_drawn(drawn):
        # A plain bright picture, as of an empty table, marks nothing off from anything.
        return _levels(pixels) > FEW_LEVELS and int(drawn.min()) <= DARK
    return soft and is_soft(drawn) and not (is_drawn(pixels) or is_soft(pixels))


def is_drawn(brightest: NDArray[np.uint8]) -> bool:
    """Whether uint8 (H, W) has few levels."""
    return _levels(brightest) <= FEW_LEVELS


def is_soft(brightest: NDArray[np.uint8]) -> bool:
    """Whether uint8 (H, W) is white on a larger black but for soft edges, in even areas."""
    white = max(int(brightest.max()) * 0.9, DARK + 1)
    dark, light = brightest <= DARK, brightest >= white
    even = np.mean(brightest[:, 1:] == brightest[:, :-1]) if brightest.shape[1] > 1 else 0.0
    mostly = dark.mean() >= 0.5 and np.mean(dark | light) >= FLAT and even >= FLAT
    return bool(mostly and light.sum() >= WHITE * (~dark).sum())


def _levels(pixels: NDArray[np.uint8]) -> int:
    return len(np.unique(pixels))


def _brightest(path: Path) -> NDArray[np.uint8] | None:
    try:
        return brightest_levels(path)
    except InputError:
        return None
