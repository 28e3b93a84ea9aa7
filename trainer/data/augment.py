"""Variations of training inputs that leave the label as it is; drawn from a seeded generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edge_agent.contracts.core.types import Tensor
from trainer.data.image import augment as image
from trainer.data.image import line_variations
from trainer.data.vibration import augment as vibration

Generator = np.random.Generator
Augment = Callable[[Tensor, Generator], Tensor]
"""(N, *shape) -> the same shape and dtype; the input is not changed."""

AUGMENTATIONS: dict[str, Augment] = {
    "flip": image.flip,
    "rotate": image.rotate,
    "brightness": image.brightness,
    "scale": line_variations.scale,
    "blur": line_variations.blur,
    "glare": line_variations.glare,
    "dust": line_variations.dust,
    "belt": line_variations.belt,
    "exposure": line_variations.exposure,
    "gain": vibration.gain,
    "noise": vibration.noise,
}
"""Name -> variation."""


def augment(batch: Tensor, names: Sequence[str], rng: Generator) -> Tensor:
    """Apply the named variations in order."""
    for name in names:
        batch = AUGMENTATIONS[name](batch, rng)
    return batch
