"""How large a pixel of the network is in the camera's frame."""

from __future__ import annotations

from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.input import ImageInput

PxScale = tuple[float, float]
"""Pixels of the frame that one pixel of the network's input covers: across, down."""


def network_px(frame: Image, spec: ImageInput) -> PxScale:
    """By the region, the box of a part, one of its tiles and how the specification fits a picture
    to its size.
    """
    tile = spec.tiles.regions()[0]
    width, height = frame.shape[1] * spec.region.width, frame.shape[0] * spec.region.height
    if spec.cut_out:
        width, height = width * spec.cut_out.along, width * spec.cut_out.across
    across = width * tile.width / spec.width_px
    down = height * tile.height / spec.height_px
    if spec.fit == "stretch":
        return across, down
    both = (min if spec.fit == "crop" else max)(across, down)
    return both, both
