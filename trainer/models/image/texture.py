"""How a layer's channels vary together over a picture: what tells textures apart.

The square root of the channels' correlation matrix, after Li et al., Towards Faster Training of
Global Covariance Pooling Networks by Iterative Matrix Square Root Normalization (CVPR 2018): the
root keeps a few strong common causes (light, a broad gradient) from drowning everything else.
Only matrix products are needed, so the station computes it with stock operators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.models.image.feature_maps import Floats

if TYPE_CHECKING:
    import keras

TURNS = 7
"""Newton-Schulz steps: the root of an eigenvalue of a 100th of the trace is then within 4 %;
smaller ones, which hold noise, stay below theirs."""


def texture(tap: keras.KerasTensor) -> keras.KerasTensor:
    """(N, H, W, C) -> (N, C * C): the root of the correlations over all places, row by row."""
    from keras import layers

    height, width, channels = tap.shape[1:]
    series = layers.Reshape((height * width, channels), name=f"{FLOAT_PREFIX}places")(tap)
    series = layers.Permute((2, 1), name=f"{FLOAT_PREFIX}series")(series)
    even = layers.LayerNormalization(
        epsilon=1e-6, center=False, scale=False, name=f"{FLOAT_PREFIX}even"
    )
    series = even(series)
    matrix = layers.Dot(2, name=f"{FLOAT_PREFIX}correlations")([series, series])
    share = layers.Rescaling(1 / (height * width * channels), name=f"{FLOAT_PREFIX}share")(matrix)
    root = layers.Rescaling(channels**0.5, name=f"{FLOAT_PREFIX}root")(_root(share))
    return layers.Reshape((channels * channels,), name=f"{FLOAT_PREFIX}texture")(root)


def triangle(rows: Floats) -> Floats:
    """(N, C * C) symmetric -> (N, C * (C + 1) / 2): what stands on and above the diagonal."""
    return rows[:, _upper(round(rows.shape[1] ** 0.5))]


def square(kernel: Floats) -> Floats:
    """(C * (C + 1) / 2, K) for `triangle`'s features -> (C * C, K) for the whole matrix."""
    channels = round((2 * len(kernel)) ** 0.5 - 0.5)
    whole = np.zeros((channels * channels, kernel.shape[1]), np.float32)
    whole[_upper(channels)] = kernel
    return whole


def _upper(channels: int) -> NDArray[np.intp]:
    """The places of the upper triangle in a flat C x C matrix."""
    rows, columns = np.triu_indices(channels)
    return rows * channels + columns


def _root(share: keras.KerasTensor) -> keras.KerasTensor:
    """The square root of matrices (N, C, C) whose eigenvalues lie in 0..1.

    Newton-Schulz without the identity matrix: Y <- Y (3 - W) / 2 goes to the root, while
    W <- W (3 - W)^2 / 4, which starts at the same matrix, goes to 1.
    """
    from keras import layers

    def product(left: keras.KerasTensor, right: keras.KerasTensor) -> keras.KerasTensor:
        return layers.Dot((2, 1), name=name("product"))([left, right])

    def name(what: str) -> str:
        count[0] += 1
        return f"{FLOAT_PREFIX}{what}{count[0]}"

    def summed(*parts: tuple[float, keras.KerasTensor]) -> keras.KerasTensor:
        scaled = [layers.Rescaling(factor, name=name("part"))(one) for factor, one in parts]
        return layers.Add(name=name("sum"))(scaled)

    count = [0]
    root = weight = share
    for turn in range(TURNS):
        root = summed((1.5, root), (-0.5, product(root, weight)))
        if turn < TURNS - 1:
            twice = product(weight, weight)
            cubed = product(twice, weight)
            weight = summed((2.25, weight), (-1.5, twice), (0.25, cubed))
    return root
