"""A 1-D convolution network on vibration: on views of each window, or on the raw signal.

features = "all": the shape of the spectrum, the lines of the envelope spectrum, those of the shaft.
"both": the first two. "spectrum", "envelope": see features.py. features = "raw": a wide first
kernel on the signal itself, after Zhang et al., "A New Deep Learning Model for Fault Diagnosis with
Good Anti-Noise and Domain Adaptation Ability on Raw Vibration Signals" (WDCNN), Sensors 17(2),
2017. All kernels are (k, 1) of Conv2D, which the int8 converter folds without a reshape per layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from edge_agent.contracts.vibration.input import VibrationInput
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.layers.preprocessing import vibration_spec
from trainer.models.vibration.features import (
    CLIP,
    FeatureSet,
    Level,
    class_views,
    speeds,
    top_speed,
    window_spec,
    with_views,
)
from trainer.models.vibration.network import build_spectrum_network, fit_spectrum_network
from trainer.models.vibration.window_trial import MERIT_NAME, merits_of_windows
from trainer.training.api import Architecture, Fitted, ModelOptions, Training, WindowMerits
from trainer.training.gradient import fit_network

if TYPE_CHECKING:
    import keras

WINDOW_SAMPLES = 2048


class Conv1dOptions(ModelOptions):
    """[options] of conv1d."""

    OLD_NAMES: ClassVar = {"hear": "features"}

    features: FeatureSet = Field(
        default="all",
        description="raw, spectrum, envelope, both of the latter, or all: with the shaft's lines",
    )
    level: Level = Field(
        default="shape",
        description="shape: without the level; absolute: with it, so gain and severity count",
    )


def spec_of(split: Split, config: FitConfig, options: Conv1dOptions) -> VibrationInput:
    """Views of one-second windows or raw ones of 2048 samples; less where samples are short."""
    (spec,) = bare_specs(split, config, [options])
    return with_views(split, spec, spec.views, CLIP, by_group=False) if spec.views else spec


def bare_specs(
    split: Split, config: FitConfig, several: Sequence[Conv1dOptions]
) -> list[VibrationInput]:
    """The same for each of several options, all raw or none, without the standardisation."""
    if several[0].features == "raw":
        return [vibration_spec(split, config, WINDOW_SAMPLES)] * len(several)
    spec = window_spec(split, config)
    top_rpm = top_speed(speeds(split, split.train))
    views = [class_views(spec, one.features, one.level, top_rpm) for one in several]
    return [spec.model_copy(update={"views": one}) for one in views]


def window_merits(split: Split, configs: Sequence[FitConfig], progress: Progress) -> WindowMerits:
    """What windows and views are worth; raw windows have no views to compare them by."""
    options = [Conv1dOptions.model_validate(one.options) for one in configs]
    specs = bare_specs(split, configs[0], options)
    if not specs[0].views:
        return WindowMerits([float("nan")] * len(configs), 0.0)
    sized = [
        spec.model_copy(update={"window_samples": one.vibration.window_samples})
        for spec, one in zip(specs, configs, strict=True)
    ]
    return merits_of_windows(split, sized, progress)


def build(spec: InputSpec, labels: int, config: FitConfig, options: Conv1dOptions) -> keras.Model:
    """The network for what is heard: (T, C) or (bins, channels) in, logits out."""

    del config
    bins, channels = spec.shape[0], spec.shape[-1]
    if options.features == "raw":
        return _build_raw(bins, channels, labels)
    return build_spectrum_network((bins, channels), labels)


def fit(training: Training[Conv1dOptions]) -> Fitted:
    """By gradient descent with early stopping (raw), or for a fixed time under noise (views)."""

    if training.options.features == "raw":
        return fit_network(ARCHITECTURE, training)
    return fit_spectrum_network(training)


def _build_raw(samples: int, axes: int, labels: int) -> keras.Model:
    """Wide first kernel, four narrow ones, mean over time."""
    import keras
    from keras import layers

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
    summary="1-D convolutions on spectrum and envelope (in orders where rpm is known), or raw",
    spec_of=spec_of,
    build=build,
    epochs=40,
    fit=fit,
    train_hop_share=4,
    options=Conv1dOptions,
    looks=(
        {"features": "all"},
        {"features": "both"},
        {"features": "envelope"},
        {"features": "spectrum"},
    ),
    bare_specs=bare_specs,
    window_merits=window_merits,
    merit_name=MERIT_NAME,
)
