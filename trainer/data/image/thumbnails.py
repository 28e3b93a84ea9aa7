"""Thumbnails of pictures of a data set, small enough to lie inside a page."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import cv2

from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.decode import read_image
from edge_agent.contracts.run_folder.thumbnails import Thumbnails
from trainer.data.samples import Dataset

SIDE_PX = 144
"""The longer side."""

QUALITY = 80
"""Of the JPEG: 3 to 6 kB of a photograph, 13 kB at most of noise."""

MOST = 48
"""Thumbnails of a page: at most 48 x 13 kB, a third more in base64."""


def thumbnails(dataset: Dataset, paths: Iterable[str]) -> Thumbnails:
    """Of the first MOST different `paths`, which are samples of an image data set."""
    shown = list(dict.fromkeys(paths))[:MOST]
    depth = dataset.config.image.bit_depth
    return Thumbnails(
        jpegs={
            path: base64.b64encode(thumbnail(read_image(dataset.root / path, depth))).decode()
            for path in shown
        }
    )


def thumbnail(image: Image) -> bytes:
    """A JPEG of the picture (H, W, 3), its longer side SIDE_PX at most."""
    height, width = image.shape[:2]
    ratio = min(1.0, SIDE_PX / max(height, width))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, payload = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return payload.tobytes()
