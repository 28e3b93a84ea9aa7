"""From a judged item to the bytes that are kept of it."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Frame, Image, Item, ProcessRow, Reading
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.record import Kind

FASTEST = [cv2.IMWRITE_PNG_COMPRESSION, 1]
"""A level above costs a Raspberry Pi several times the time for a tenth of the bytes."""
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # OpenCV 4.12 and later
    # One filter for all rows: to choose for each row costs 1.5 times the time for 2 % of the bytes.
    FASTEST += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]


@dataclass(frozen=True)
class Content:
    """What is kept of an item: the payload of its file, and the file's suffix with the dot."""

    payload: bytes
    suffix: str


def raw_sha256(item: Item) -> str:
    """The sha256 of the raw pixels, samples or tags; empty for an item that could not be read.

    Pixels: uint8 (H, W, 3) RGB, row by row. Samples: float32 (T, C), little-endian, row by row.
    Tags: JSON with sorted keys and without spaces.
    """
    if isinstance(item, Frame):
        return _digest(np.ascontiguousarray(item.image))
    if isinstance(item, Reading):
        return _digest(np.ascontiguousarray(item.signal, "<f4"))
    if isinstance(item, ProcessRow):
        return hashlib.sha256(_tags(item)).hexdigest()
    return ""


def kind_of(item: Item) -> Kind:
    """The kind of a readable item."""
    if isinstance(item, Frame):
        return "image"
    return "vibration" if isinstance(item, Reading) else "tabular"


def encode(item: Item, table: EvidenceTable) -> Content:
    """The file of an item; raises InputError for one that cannot be encoded."""
    if isinstance(item, Frame):
        return _picture(item.image, table)
    if isinstance(item, Reading):
        return Content(_recording(item), ".npz")
    if isinstance(item, ProcessRow):
        return Content(_tags(item), ".tags")
    raise InputError("an item that was not read has no content")


def encode_heat(heat: NDArray[np.float32], threshold: float) -> bytes:
    """A grey PNG of a detector's map: 128 is the threshold, 255 is twice of it and more."""
    known = np.nan_to_num(heat.astype(np.float64))
    one = 128.0 / threshold if threshold > 0 else 255.0 / max(float(known.max()), 1e-12)
    levels = np.clip(known * one, 0, 255).astype(np.uint8)
    return _opencv(".png", levels, [])


def _picture(image: Image, table: EvidenceTable) -> Content:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    if table.picture == "jpeg":
        words = [cv2.IMWRITE_JPEG_QUALITY, table.jpeg_quality]
        return Content(_opencv(".jpg", bgr, words), ".jpg")
    return Content(_opencv(".png", bgr, FASTEST), ".png")


def _opencv(suffix: str, array: NDArray[np.generic], words: list[int]) -> bytes:
    done, encoded = cv2.imencode(suffix, np.asarray(array, np.uint8), words)
    if not done:
        raise InputError(f"a picture of shape {array.shape} cannot be encoded as {suffix}")
    return encoded.tobytes()


def _recording(reading: Reading) -> bytes:
    """Columns by their number, with rate_hz and rpm, as the trainer reads a recording."""
    columns = {str(axis): reading.signal[:, axis] for axis in range(reading.signal.shape[1])}
    known = {} if reading.rpm is None else {"rpm": np.float64(reading.rpm)}
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, rate_hz=np.float64(reading.rate_hz),
                        **columns, **known)  # fmt: skip
    return stream.getvalue()


def _tags(row: ProcessRow) -> bytes:
    return json.dumps(dict(row.tags), sort_keys=True, separators=(",", ":")).encode()


def _digest(array: NDArray[np.generic]) -> str:
    return hashlib.sha256(array.reshape(-1).view(np.uint8).data).hexdigest()
