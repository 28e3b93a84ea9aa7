"""A network of seven layers that answers to MobileNetV2's names.

The detectors read the layers by name and do not know how many lie between: what is tested of them
is the same, and a conversion to int8 takes a second instead of ten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

LAYERS = (
    ("Conv1", 8, 2),
    ("block_2_add", 16, 2),
    ("block_5_add", 24, 2),
    ("block_9_add", 32, 2),
    ("block_12_add", 48, 1),
    ("out_relu", 64, 2),
)
"""Name, filters and stride, so that each layer has MobileNetV2's resolution."""

POOLS = ("Conv1", "block_2_add", "block_5_add", "block_9_add", "out_relu")
"""What a classifier may pool, from low to high."""


def small_mobilenet(
    *,
    input_tensor: keras.KerasTensor,
    input_shape: tuple[int, int, int],
    include_top: bool,
    weights: str | None,
) -> keras.Model:
    """As keras.applications.MobileNetV2, with random kernels that keep the signal's size."""
    import keras

    assert not include_top
    assert weights is None
    assert input_tensor.shape[1:] == input_shape
    x = input_tensor
    for seed, (name, filters, stride) in enumerate(LAYERS):
        x = keras.layers.Conv2D(
            filters,
            3,
            strides=stride,
            padding="same",
            activation="relu6",
            kernel_initializer=keras.initializers.HeNormal(seed),
            name=name,
        )(x)
    return keras.Model(input_tensor, x, name="small_mobilenet")
