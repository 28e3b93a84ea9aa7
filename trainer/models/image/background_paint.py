"""What no good part ever covers is painted over before the backbone looks.

The features of a place look some cells around. Of a thing beside the part the places near it would
still tell, and reject good parts. Painted in one colour, the background far from every good part is
the same in each picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from trainer.models.image.backbone import NETWORK

if TYPE_CHECKING:
    import keras

Floats = NDArray[np.float32]

SOFT = 0.4
"""Standard deviation of the change from picture to paint, in cells. It lies within the places that
are scored: a thing that begins where they end is painted over."""


@dataclass(frozen=True)
class Paint:
    """kept: (H, W), how much of each pixel stays, 0 to 1; colour: (3,) of the others, -1 to 1."""

    kept: Floats
    colour: Floats


def paint_of(scored: NDArray[np.bool_], inputs: Tensor) -> Paint | None:
    """The paint of places that are never scored, in the mean colour that good inputs, uint8
    (N, H, W, C), have there; None where there are no such places. scored: (G, H).
    """
    if scored.all():
        return None
    height, width, channels = inputs.shape[1:]
    near = cv2.resize(scored.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST)
    spread_px = SOFT * height / scored.shape[0]
    kept = np.clip(2 * cv2.GaussianBlur(near, (0, 0), spread_px) - 1, 0, 1)
    mean = inputs.mean(axis=0, dtype=np.float64)[near == 0].mean(axis=0)
    colour = np.broadcast_to(mean, (3,)) if channels == 1 else mean
    return Paint(kept.astype(np.float32).round(3), (colour / 127.5 - 1).astype(np.float32))


def painted(network: keras.Model, paint: Paint) -> keras.Model:
    """The backbone `network`, which sees its pixels (N, H, W, 3), -1 to 1, painted."""
    import keras

    pixels = keras.Input(network.input_shape[1:])
    colour = paint.colour.reshape(1, 1, 1, 3)
    away = keras.ops.subtract(pixels, colour)
    left = keras.ops.multiply(away, paint.kept[None, :, :, None])
    return keras.Model(pixels, network(keras.ops.add(left, colour)), name=NETWORK)
