"""Pictures of kept evidence for a browser: small or large, with heat map; a signal as its curve."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image
from edge_agent.evidence.folder import Kept
from edge_agent.web.heat import under_heat

QUALITY = 85
CURVE_PX = (160, 640)
"""Height and width of the picture of a signal."""
INKS = ((11, 87, 164), (185, 28, 28), (10, 125, 51))
THRESHOLD_GREY = 128.0
"""Of a kept heat map: the value that is the threshold."""


def jpeg_of(folder: Path, kept: Kept, *, width: int, heat: bool) -> bytes | None:
    """JPEG of an item, at most `width` pixels wide; None where nothing can be shown.

    A mark of a label is in pixels of the whole picture, so the sides keep their relation.
    """
    image = _image(folder, kept)
    if image is None:
        return None
    image = _fitted(image, width)
    if heat and kept.record.heat_map:
        image = _with_heat(image, _read(folder / kept.record.heat_map, cv2.IMREAD_GRAYSCALE))
    pixels = np.ascontiguousarray(image)
    return bytes(simplejpeg.encode_jpeg(pixels, quality=QUALITY, colorspace="RGB"))


def _image(folder: Path, kept: Kept) -> Image | None:
    path = folder / kept.record.file
    if kept.record.kind == "image":
        bgr = _read(path, cv2.IMREAD_COLOR)
        return None if bgr is None else np.ascontiguousarray(bgr[..., ::-1])
    return _curve(path) if kept.record.kind == "vibration" else None


def _read(path: Path, how: int) -> NDArray[np.uint8] | None:
    try:
        payload = np.frombuffer(path.read_bytes(), np.uint8)
        found = cv2.imdecode(payload, how) if len(payload) else None
    except (OSError, cv2.error):
        return None
    return None if found is None else np.asarray(found, np.uint8)


def _fitted(image: Image, width: int) -> Image:
    if image.shape[1] <= width:
        return image
    size = (width, max(1, round(image.shape[0] * width / image.shape[1])))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _with_heat(image: Image, grey: NDArray[np.uint8] | None) -> Image:
    """Transparent below half of the threshold, red at twice of it."""
    if grey is None:
        return image
    clear = THRESHOLD_GREY / 2
    return under_heat(image, ((grey - clear) / (255 - clear)).clip(0, 1).astype(np.float32))


def _curve(path: Path) -> Image | None:
    """The envelope of a recording, one colour an axis."""
    try:
        with np.load(path, allow_pickle=False) as file:
            columns = [np.asarray(file[name], np.float32) for name in sorted(file.files)
                       if name.isdigit()]  # fmt: skip
    except (OSError, ValueError, EOFError):
        return None
    height, width = CURVE_PX
    canvas = np.full((height, width, 3), 255, np.uint8)
    most = max((float(np.abs(one).max(initial=0)) for one in columns), default=0.0) or 1.0
    for place, column in enumerate(columns[: len(INKS)]):
        for x, piece in enumerate(np.array_split(column, width)):
            if piece.size:
                low, high = (height / 2 * (1 - v / most) for v in (piece.max(), piece.min()))
                cv2.line(canvas, (x, round(low)), (x, round(high)), INKS[place])
    return canvas
