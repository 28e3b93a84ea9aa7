"""From the bytes of a frame to RGB, for the pixel formats that cameras of a line have."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.capture.video4linux.node import VideoMode
from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.decode import decode_image

JPEG = ("MJPG", "JPEG")
"""Pixel formats whose frames are JPEG pictures."""
PACKED = {
    "YUYV": (2, cv2.COLOR_YUV2RGB_YUY2),
    "UYVY": (2, cv2.COLOR_YUV2RGB_UYVY),
    "YVYU": (2, cv2.COLOR_YUV2RGB_YVYU),
    "GREY": (1, cv2.COLOR_GRAY2RGB),
    "BGR3": (3, cv2.COLOR_BGR2RGB),
    "RGB3": (3, None),
}
"""Pixel format -> bytes a pixel, and the conversion; None: it is RGB."""
PLANED = {
    "NV12": cv2.COLOR_YUV2RGB_NV12,
    "NV21": cv2.COLOR_YUV2RGB_NV21,
    "YU12": cv2.COLOR_YUV2RGB_I420,
    "YV12": cv2.COLOR_YUV2RGB_YV12,
}
"""Formats with a plane of brightness and half as many bytes of colour."""
READABLE = (*JPEG, *PACKED, *PLANED)
"""Every pixel format that is read, the best first where a camera has several."""


def to_rgb(payload: bytes, mode: VideoMode, where: str) -> Image:
    """RGB (height, width, 3); raises InputError for a frame that is short or damaged."""
    if mode.pixel_format in JPEG:
        return decode_image(payload, where)
    if mode.pixel_format in PLANED:
        raw = _rows(payload, mode.height_px * 3 // 2, mode.width_px, mode, where)
        return np.asarray(cv2.cvtColor(raw, PLANED[mode.pixel_format]), np.uint8)
    depth, conversion = PACKED[mode.pixel_format]
    raw = _rows(payload, mode.height_px, mode.width_px * depth, mode, where)
    pixels = raw.reshape(mode.height_px, mode.width_px, depth)
    if conversion is None:
        return np.ascontiguousarray(pixels)
    return np.asarray(cv2.cvtColor(pixels, conversion), np.uint8)


def _rows(
    payload: bytes, rows: int, row_bytes: int, mode: VideoMode, where: str
) -> NDArray[np.uint8]:
    """uint8 (rows, row_bytes), without what the driver pads a line with."""
    stride = max(mode.bytes_per_line, row_bytes)
    if len(payload) < stride * (rows - 1) + row_bytes:
        found = f"{len(payload)} bytes, {stride * rows} are a frame"
        raise InputError(f"damaged frame ({found})", where=where, cure="check cable and hub")
    padded = payload.ljust(stride * rows, b"\0")[: stride * rows]
    lines = np.frombuffer(padded, np.uint8).reshape(rows, stride)
    return np.ascontiguousarray(lines[:, :row_bytes])
