"""A gated recurrent unit over the spectra of consecutive frames of a vibration window, unrolled.

For what happens in an order: a run-up, a valve's stroke, a press cycle, an impact that rings down.
Spectrum and envelope of the whole window (conv1d) do not contain which came first. Cho et al.,
Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.views import FramesView
from trainer.config.fit import FitConfig
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.vibration.features import CLIP, Level, window_spec, with_views
from trainer.models.vibration.network import BEND, BENDS, NOISE, decaying_logits, train_varied
from trainer.training.api import Architecture, Fitted, Training
from trainer.training.gradient import seed_everything

if TYPE_CHECKING:
    import keras


class GruSpectraOptions(Strict):
    """[options] of gru-spectra."""

    frames: int = Field(
        default=8, ge=4, le=9, description="steps that a window is cut into; 6 kB of model each"
    )
    bands: int = Field(default=24, ge=4, le=64, description="bands of each frame's spectrum")
    units: int = Field(default=16, ge=4, le=24)
    level: Level = Field(
        default="shape",
        description="shape: without the level; absolute: with it, so gain and severity count",
    )


def spec_of(split: Split, config: FitConfig, options: GruSpectraOptions) -> VibrationInput:
    """Windows as for conv1d, each as a sequence of log spectra."""
    spec = window_spec(split, config)
    view = FramesView(
        bins=options.frames, bands=options.bands, high_hz=spec.rate_hz / 2, level=options.level
    )
    return with_views(split, spec, [view], CLIP, by_group=False)


def build(
    spec: InputSpec, labels: int, config: FitConfig, options: GruSpectraOptions
) -> keras.Model:
    """(frames, bands) in, logits out: a dense layer on each frame, an unrolled GRU over the frames.

    The first layer is stored once, while each step of the GRU carries its weights anew: it keeps
    the model small whatever the number of axes.
    """
    import keras
    from keras import layers

    del config
    inputs = keras.Input(spec.shape, name="frames")
    x = layers.Reshape((spec.shape[0], 1, spec.shape[-1]))(inputs)
    x = layers.ReLU(6.0)(layers.Conv2D(options.units, 1, name="frame")(x))
    x = layers.Reshape((spec.shape[0], options.units))(x)
    x = layers.GRU(options.units, unroll=True)(x)
    return keras.Model(inputs, decaying_logits(x, labels), name="gru-spectra")


def fit(training: Training[GruSpectraOptions]) -> Fitted:
    """For a fixed time under noise, every spectrum of a window bent alike."""
    import keras

    spec = training.spec
    if not isinstance(spec, VibrationInput) or spec.standard is None:
        raise TypeError("frames without a standardisation")
    seed_everything(training.config.seed)
    network = build(spec, len(training.labels), training.config, training.options)
    axes, clip = len(spec.axes), spec.standard.clip
    history = train_varied(
        network, training, lambda x, rng: with_tilted_spectra(x, axes, clip, rng)
    )
    keras.backend.clear_session()
    return Fitted(network, history)


def with_tilted_spectra(
    inputs: Tensor, axes: int, clip: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """(N, frames, axes * bands) under noise; all frames of an axis bent alike."""
    count, _, channels = inputs.shape
    along = np.linspace(0, np.pi, channels // axes)
    changed = inputs + NOISE * rng.standard_normal(inputs.shape)
    for term in range(1, BENDS + 1):
        size = rng.normal(0, BEND / term, (count, axes, 1))
        changed += (size * np.cos(term * along)).reshape(count, 1, channels)
    return np.clip(changed, -clip, clip).astype(np.float32)


ARCHITECTURE = Architecture(
    name="gru-spectra",
    tasks=("vibration-class",),
    summary="unrolled recurrent network over the spectra of consecutive frames",
    spec_of=spec_of,
    build=build,
    epochs=40,
    fit=fit,
    train_hop_share=4,
    options=GruSpectraOptions,
)
"""The row of the table of models."""
