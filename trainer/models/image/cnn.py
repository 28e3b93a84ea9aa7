"""A small network from scratch for images of any size: three convolutions and a dense layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.contracts.image.input import ImageInput
from trainer.config.fit import FitConfig
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.layers.preprocessing import image_spec
from trainer.training.api import Architecture, NoOptions

if TYPE_CHECKING:
    import keras

SIZE_PX = 160


def spec_of(split: Split, config: FitConfig, options: NoOptions) -> ImageInput:
    """A square of 160 px."""
    del split, options
    return image_spec(config, SIZE_PX)


def build(spec: InputSpec, labels: int, config: FitConfig, options: NoOptions) -> keras.Model:
    """Conv32-Pool-Conv64-Pool-Conv64-global pooling-Dense64: uint8 range in, logits out.

    The first convolution takes every second pixel. ReLU6 keeps the int8 ranges known. A small
    defect moves the mean over a picture little: the means are normalised before the dense layer.
    """
    import keras
    from keras import layers

    del config, options
    pixels = keras.Input(spec.shape, name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    x = _block(x, 32, kernel=5, strides=2)
    x = layers.MaxPooling2D()(x)
    x = _block(x, 64)
    x = layers.MaxPooling2D()(x)
    x = _block(x, 64)
    x = layers.BatchNormalization(momentum=0.95)(layers.GlobalAveragePooling2D()(x))
    x = layers.Dropout(0.25)(x)
    x = layers.ReLU(6.0)(layers.Dense(64)(x))
    return keras.Model(pixels, layers.Dense(labels, name="logits")(x), name="cnn")


def _block(
    x: keras.KerasTensor, filters: int, kernel: int = 3, strides: int = 1
) -> keras.KerasTensor:
    from keras import layers

    x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False)(x)
    return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.95)(x))


ARCHITECTURE = Architecture(
    name="cnn",
    tasks=("image-class",),
    summary="small network from scratch, any image size",
    spec_of=spec_of,
    build=build,
    epochs=40,
    learning_rate=0.003,
    batch=16,
    standardises=False,
    options=NoOptions,
)
