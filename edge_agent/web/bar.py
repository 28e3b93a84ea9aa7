"""The bar below a picture that names its part and verdict.

OpenCV's own text costs 8 MB: it unpacks its fonts. The glyphs here are a picture of printable
ASCII, one cell each, drawn with Pillow from DejaVu Sans Mono at 15 px.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image

GLYPHS = Path(__file__).parent / "glyphs.png"
FIRST, LAST = " ", "~"
BAR_PX = 26
LEFT_PX, TOP_PX = 6, 4


def bar(width: int, colour: tuple[int, int, int], text: str) -> Image:
    """uint8 (BAR_PX, width, 3) RGB; text beyond ASCII is shown as ?, and cut where it is long."""
    ink = np.zeros((BAR_PX, width, 1), np.float32)
    cells = _cells()
    height, wide = cells.shape[1:]
    room = max(0, (width - LEFT_PX) // wide)
    for place, letter in enumerate(text[:room]):
        cell = cells[ord(letter if FIRST <= letter <= LAST else "?") - ord(FIRST)]
        left = LEFT_PX + place * wide
        ink[TOP_PX : TOP_PX + height, left : left + wide, 0] = cell
    drawn = np.asarray(colour, np.float32) * (1 - ink) + 255 * ink
    return np.asarray(np.rint(drawn), np.uint8)


@cache
def _cells() -> NDArray[np.float32]:
    """float32 (glyphs, height, width), 0 ground to 1 ink."""
    found = cv2.imread(str(GLYPHS), cv2.IMREAD_GRAYSCALE)
    if found is None:
        raise FileNotFoundError(GLYPHS)
    count = ord(LAST) - ord(FIRST) + 1
    rows = np.asarray(found, np.float32).reshape(len(found), count, -1) / 255
    return np.ascontiguousarray(rows.transpose(1, 0, 2))
