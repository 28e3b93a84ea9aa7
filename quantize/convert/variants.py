"""The precisions a network can be converted to."""

from __future__ import annotations

from typing import Literal, get_args

Variant = Literal["int8", "mixed", "int16x8", "float16", "float32"]
"""int8; int8 with the worst layers in float; int8 weights with int16 activations; half floats; the
float network itself."""

VARIANTS: tuple[Variant, ...] = get_args(Variant)
"""In the order in which `convert` tries them: the smallest first."""
