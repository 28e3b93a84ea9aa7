"""The precisions a network can be converted to."""

from __future__ import annotations

from typing import Literal, get_args

Variant = Literal["int8", "mixed", "float16", "float32", "int16x8"]
"""int8; int8 with the worst layers in float; half floats; the float network itself; int8 weights
with int16 activations."""

VARIANTS: tuple[Variant, ...] = get_args(Variant)

LADDER: tuple[Variant, ...] = ("int8", "mixed", "float16", "float32")
"""What `convert` tries by itself, in this order: the smallest first.

int16x8 is smaller than float16, but no processor's vector kernels compute it: on an x86 core it
takes about 11 times as long as float, which is more exact.
"""
