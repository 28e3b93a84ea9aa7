"""The levels of a picture that may be a mask: none but black is 0, however many bits it has."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.image.decode import decode_image, read_picture
from edge_agent.contracts.image.picture_header import read_header


def brightest_levels(path: Path) -> NDArray[np.uint8]:
    """The brightest channel of a picture, uint8 (H, W); raises InputError that names the file.

    16 bits are brought to 8 by the highest value: class numbers stand in the lowest bits.
    """
    payload, where = read_picture(path), str(path)
    decoded = np.asarray(decode_image(payload, where, 16).max(axis=2), np.uint8)
    if read_header(payload, where).bits <= 8:
        return decoded
    # Transparency is no channel of a mask: IMREAD_UNCHANGED would keep it, and it is never black.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    words = np.asarray(cv2.imdecode(np.frombuffer(payload, np.uint8), flags)).max(axis=2)
    shift = max(0, int(words.max()).bit_length() - 8)
    return np.asarray(np.maximum(words >> shift, words > 0), np.uint8)
