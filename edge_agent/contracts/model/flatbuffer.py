"""A .tflite file's object tree back to bytes; the layout is TFLite's schema.fbs, version 3."""

from __future__ import annotations

from typing import Any

START = 1 << 20
"""Bytes that the builder begins with; it grows by itself."""


def packed(tree: Any) -> bytes:
    """The file of `tree`, a ModelT of a generated schema."""
    import flatbuffers

    builder = flatbuffers.Builder(START)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())
