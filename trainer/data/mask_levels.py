"""The levels of a picture that may be a mask: none but black is 0, however many bits it has."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.image.decode import decode_image, read_picture
from edge_agent.contracts.image.picture_header import read_header

Channel = TypeVar("Channel", np.uint8, np.uint16)


def brightest_levels(path: Path) -> NDArray[np.uint8]:
    """The brightest channel of a picture, uint8 (H, W); raises InputError that names the file.

    16 bits are brought to 8 by the highest value: class numbers stand in the lowest bits.
    """
    payload, where = read_picture(path), str(path)
    decoded = _brightest(decode_image(payload, where, 16))
    if read_header(payload, where).bits <= 8:
        return decoded
    # Transparency is no channel of a mask: IMREAD_UNCHANGED would keep it, and it is never black.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    words = _brightest(np.asarray(cv2.imdecode(np.frombuffer(payload, np.uint8), flags)))
    shift = max(0, int(words.max()).bit_length() - 8)
    return np.asarray(np.maximum(words >> shift, words > 0), np.uint8)


def _brightest(pixels: NDArray[Channel]) -> NDArray[Channel]:
    """The largest of three channels, (H, W) of (H, W, 3). pixels.max(axis=2) takes thirty times as
    long, and three times as long as to decode a mask.
    """
    first, second, third = (pixels[:, :, channel] for channel in range(3))
    return np.maximum(np.maximum(first, second), third)
