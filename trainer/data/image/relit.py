"""Good pictures as they would look under another light, which makes no part a bad one.

A lamp ages, an exposure differs, light falls in from one side, and metal throws a lamp back. All
change smoothly over the picture, in proportion to what a surface reflects; a defect does not.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from edge_agent.contracts.core.types import Tensor
from trainer.data.image.line_variations import spot

Generator = np.random.Generator

OtherLight = Annotated[
    bool,
    Field(
        description="learn good parts under other light too (brightness, a side, a reflection); "
        "false where another shade is a defect"
    ),
]
"""The option of the detectors."""

LEVEL, SLOPE = 0.12, 0.2
"""Of brightness: everywhere, and more of it on one side than in the middle, at most."""

REFLECTIONS = 0.6
"""Share of the pictures with a soft spot. SIZE: its standard deviation, of the longer side; GLARE:
what it adds, of a surface's own brightness and, VEIL of it, of white."""
SIZE = 0.06, 0.3
GLARE = 0.1, 0.4
VEIL = 0.3
INNER = 0.1
"""A reflection's middle is no nearer to an edge than this share of the side."""


def relit(images: Tensor, rng: Generator) -> Tensor:
    """uint8 (N, H, W, C) -> the same, each under a light of its own."""
    return np.stack([_relit(image, rng) for image in images]) if len(images) else images


def _relit(image: Tensor, rng: Generator) -> Tensor:
    height, width = image.shape[:2]
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, SLOPE)
    down, across = (np.linspace(-1, 1, side, dtype=np.float32) for side in (height, width))
    side = np.cos(angle) * across + np.sin(angle) * down[:, None]
    gain = (1 + slope * side) * rng.uniform(1 - LEVEL, 1 + LEVEL)
    lit = image * gain.astype(np.float32)[..., None]
    if rng.random() < REFLECTIONS:
        middle = rng.uniform(INNER, 1 - INNER, 2) * (height, width)
        lamp = spot(height, width, middle, rng.uniform(*SIZE) * max(height, width))
        reflected = VEIL * 255 + (1 - VEIL) * lit.mean(axis=2)
        lit += (lamp * np.float32(rng.uniform(*GLARE)) * reflected)[..., None]
    return np.asarray(np.clip(np.rint(lit), 0, 255), image.dtype)
