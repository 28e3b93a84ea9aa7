"""Rendering the report's templates: everything is escaped but what a template itself made."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from edge_agent.contracts.core.printable import visible
from edge_agent.contracts.core.types import Tensor

JPEG_QUALITY = 88


@dataclass(frozen=True)
class Table:
    """A table of plain text. text_columns: so many columns at the left are not numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1


def render(template: str, **context: object) -> Markup:
    """The template filled in; safe to put into another one."""
    return Markup(_environment().get_template(template).render(**context))


def image_source(image: Tensor) -> str:
    """uint8 (H, W, 3) RGB or (H, W, 1) grey as a data URI."""
    pixels = image[:, :, ::-1] if image.shape[2] == 3 else image
    _, payload = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data_uri(payload.tobytes(), "image/jpeg")


def data_uri(payload: bytes, kind: str) -> str:
    """A file inside the page."""
    return f"data:{kind};base64,{base64.b64encode(payload).decode()}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
