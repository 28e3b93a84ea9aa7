"""The last picture of every camera with the heat map of the same part."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image, Verdict
from edge_agent.web.bar import bar
from edge_agent.web.heat import under_heat

WIDEST_PX = 960
"""Wider pictures are made smaller for the page."""
NARROWEST_PX = 320
"""Narrower ones are made larger, so that their bar can be read."""
QUALITY = 80
COLOURS = {Verdict.PASS: (0, 125, 51), Verdict.FAIL: (210, 30, 30)}
GREY = (110, 110, 110)


@dataclass(frozen=True)
class Picture:
    """One judged frame. image: uint8 (H, W, 3) RGB; heat: float32 (h, w) or None.

    threshold: value of the heat map from which a place counts as a defect, None where unknown.
    """

    channel: str
    part_id: str
    verdict: Verdict
    at_ns: int
    version: int
    image: Image
    heat: NDArray[np.float32] | None
    threshold: float | None
    has_bar: bool = True


class Pictures:
    """Holds references only; a picture is encoded when somebody looks, once for all viewers."""

    def __init__(self) -> None:
        self.version = 0
        self._newest: dict[str, Picture] = {}
        self._encoded: dict[tuple[str, bool], tuple[int, bytes]] = {}
        self._lock = threading.Lock()
        self._one_encoder = threading.Lock()

    def show(
        self,
        *,
        channel: str,
        part_id: str,
        verdict: Verdict,
        at_ns: int,
        image: Image,
        heat: NDArray[np.float32] | None = None,
        threshold: float | None = None,
        has_bar: bool = True,
    ) -> None:
        """Take the frame and the heat map of one part; never waits for a viewer.

        has_bar: whether a bar below names part and verdict; a picture that is not judged has none.
        """
        with self._lock:
            self.version += 1
            self._newest[channel] = Picture(
                channel, part_id, verdict, at_ns, self.version, image, heat, threshold, has_bar
            )

    def newest(self) -> list[Picture]:
        """The last picture of every channel."""
        with self._lock:
            return list(self._newest.values())

    def version_of(self, channel: str) -> int:
        """The version of the last picture of a channel; 0 before the first."""
        with self._lock:
            picture = self._newest.get(channel)
            return picture.version if picture else 0

    def jpeg(self, channel: str, *, heat: bool) -> tuple[int, bytes] | None:
        """The version and the JPEG of the last picture of a channel; None before the first."""
        with self._one_encoder:
            picture = self._newest.get(channel)
            if picture is None:
                return None
            known = self._encoded.get((channel, heat))
            if known is None or known[0] != picture.version:
                known = (picture.version, encode(picture, heat=heat))
                self._encoded[channel, heat] = known
            return known


def encode(picture: Picture, *, heat: bool) -> bytes:
    """JPEG of a picture with a bar that names its part and verdict; heat: with its heat map."""
    image = _fitted(picture.image)
    if heat and picture.heat is not None:
        image = under_heat(image, _share(picture.heat, picture.threshold))
    if picture.has_bar:
        image = _with_bar(image, picture)
    whole = np.ascontiguousarray(image)
    return bytes(simplejpeg.encode_jpeg(whole, quality=QUALITY, colorspace="RGB"))


def _fitted(image: Image) -> Image:
    height, width = image.shape[:2]
    wanted = min(max(width, NARROWEST_PX), WIDEST_PX)
    if width == wanted:
        return image
    size = (wanted, max(1, round(height * wanted / width)))
    how = cv2.INTER_AREA if wanted < width else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=how).astype(np.uint8)


def _share(heat: NDArray[np.float32], threshold: float | None) -> NDArray[np.float32]:
    """0 at the middle of the map's values, 1 at the threshold or the worst place."""
    middle = heat.size // 2
    low = float(np.partition(heat, middle, axis=None)[middle])
    high = max(float(heat.max()), threshold or 0.0)
    return np.asarray(np.clip((heat - low) / max(high - low, 1e-6), 0, 1), np.float32)


def _with_bar(image: Image, picture: Picture) -> Image:
    colour = COLOURS.get(picture.verdict, GREY)
    text = f"{picture.verdict.value}  {picture.part_id}"
    return np.concatenate([image, bar(image.shape[1], colour, text)])
