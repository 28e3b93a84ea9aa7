"""A 1-D convolution network with a wide first kernel for vibration windows.

After Zhang et al., "A New Deep Learning Model for Fault Diagnosis with Good Anti-Noise and Domain
Adaptation Ability on Raw Vibration Signals" (WDCNN), Sensors 17(2), 2017. Written with (k, 1)
kernels of Conv2D, which the int8 converter folds without a reshape per layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.contracts.vibration import VibrationInput
from trainer.config import FitConfig
from trainer.data.prepared import InputSpec
from trainer.data.splits import Split
from trainer.models.preprocessing import vibration_spec
from trainer.models.registry import Architecture
from trainer.strict_toml import StrictTable

if TYPE_CHECKING:
    import keras

WINDOW_SAMPLES = 2048


def spec_of(split: Split, config: FitConfig, options: StrictTable) -> VibrationInput:
    """Windows of 2048 samples, or fewer where the recordings are short."""
    del options
    return vibration_spec(split, config, WINDOW_SAMPLES)


def build(spec: InputSpec, labels: int, config: FitConfig, options: StrictTable) -> keras.Model:
    """Wide first kernel, four narrow ones, mean over time: windows (T, C) in, logits out."""
    import keras
    from keras import layers

    del config, options
    samples, axes = spec.shape[0], spec.shape[-1]
    window = keras.Input((samples, axes), name="window")
    x = layers.Reshape((samples, 1, axes))(window)
    wide = min(64, max(8, samples // 8))
    x = _block(x, 16, wide, strides=max(1, min(8, samples // 64)))
    for filters in (32, 64, 64):
        if x.shape[1] >= 8:
            x = layers.MaxPooling2D((2, 1))(x)
        x = _block(x, filters, 3)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.25)(x)
    x = layers.ReLU(6.0)(layers.Dense(64)(x))
    return keras.Model(window, layers.Dense(labels, name="logits")(x), name="conv1d")


def _block(x: keras.KerasTensor, filters: int, kernel: int, strides: int = 1) -> keras.KerasTensor:
    from keras import layers

    x = layers.Conv2D(filters, (kernel, 1), (strides, 1), padding="same", use_bias=False)(x)
    return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))


ARCHITECTURE = Architecture(
    name="conv1d",
    tasks=("vibration-class",),
    summary="1-D convolutions with a wide first kernel on the raw signal",
    spec_of=spec_of,
    build=build,
    epochs=40,
    train_hop_share=4,
)
