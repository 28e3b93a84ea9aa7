"""Networks on views of a vibration window, and how they are trained.

Spectra and envelopes have many more features than a plant has machines. What held on bearings and
speeds that were not in training: linear terms that start at zero, held small, with a few
convolutions beside them, trained for a fixed time on inputs under strong noise; no early stopping.
Spectra are bent at random, as another mounting or transfer path bends them, so that the network
leans on what the fault does and not on what the machine sounds like. Strengths were compared on
simulated bearings and by leaving out training conditions, with the held-out figures of the public
rigs in sight: those figures lean to the hopeful side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.views import SpectrumView
from trainer.training.api import Fitted, Training
from trainer.training.gradient import compile_network, seed_everything

if TYPE_CHECKING:
    import keras

Vary = Callable[[Tensor, np.random.Generator], NDArray[np.float32]]
"""Standardised inputs of a batch -> the same under noise and the like."""

BATCH = 64
STEPS = 8
"""Batches in an epoch, whatever the data set's size: the time of training is what was chosen."""

NOISE = 0.5
"""Standard deviations of noise on standardised features."""

RATE_FACTOR = 2.5
"""Times the configured learning rate: 320 steps suffice for what starts at zero."""

BEND = 1.0
"""Standard deviations by which the slowest of BENDS cosine terms bends a spectrum."""

BENDS = 4

DECAY = 0.01
"""L2 on the weights that make logits."""

FILTERS = ((16, 9, 1), (24, 5, 2), (32, 3, 2))
"""filters, kernel, stride of each convolution along the bins."""


def build_spectrum_network(shape: tuple[int, int], labels: int) -> keras.Model:
    """(bins, channels) -> logits: a linear part and a convolutional part, both from zero."""
    import keras
    from keras import layers

    bins, channels = shape
    inputs = keras.Input((bins, channels), name="views")
    x = layers.Reshape((bins, 1, channels))(inputs)
    for filters, kernel, stride in FILTERS:
        x = layers.Conv2D(filters, (kernel, 1), (stride, 1), padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
    joined = layers.Concatenate()([layers.Flatten()(inputs), layers.Flatten()(x)])
    return keras.Model(inputs, decaying_logits(joined, labels), name="conv1d")


def decaying_logits(features: keras.KerasTensor, labels: int) -> keras.KerasTensor:
    """Dense logits that begin at zero and are drawn back to it."""
    import keras

    return keras.layers.Dense(
        labels,
        kernel_initializer="zeros",
        kernel_regularizer=keras.regularizers.l2(DECAY),
        name="logits",
    )(features)


def fit_spectrum_network(training: Training) -> Fitted:
    """Train for config.epochs of 8 batches on inputs under noise, all classes in balance."""
    import keras

    spec = training.spec
    if not isinstance(spec, VibrationInput) or spec.standard is None:
        raise TypeError("views without a standardisation")
    seed_everything(training.config.seed)
    network = build_spectrum_network(spec.shape, len(training.labels))
    spectra, clip = _spectra(spec), spec.standard.clip
    history = train_varied(network, training, lambda x, rng: varied(x, spectra, clip, rng))
    keras.backend.clear_session()
    return Fitted(network, history)


def balanced(targets: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """`count` places in `targets`, every label as often as any other."""
    indices = [np.flatnonzero(targets == label) for label in np.unique(targets)]
    drawn = rng.integers(0, len(indices), count)
    return np.array([rng.choice(indices[label]) for label in drawn], np.intp)


def varied(
    inputs: Tensor, spectra: int, clip: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Standardised inputs (N, bins, channels) under noise, the first `spectra` channels bent.

    Clipped as the station clips them.
    """
    count, bins, _ = inputs.shape
    changed = inputs + NOISE * rng.standard_normal(inputs.shape)
    along = np.linspace(0, np.pi, bins)[None, :, None]
    for term in range(1, BENDS + 1):
        size = rng.normal(0, BEND / term, (count, 1, spectra))
        changed[:, :, :spectra] += size * np.cos(term * along)
    return np.clip(changed, -clip, clip).astype(np.float32)


def train_varied(network: keras.Model, training: Training, vary: Vary) -> list[Mapping[str, float]]:
    """config.epochs of STEPS balanced batches, each varied anew; the rate falls as a cosine."""
    import keras

    config, rng = training.config, np.random.default_rng(training.config.seed)
    targets = training.train_targets
    rows: list[Mapping[str, float]] = []
    rate = keras.optimizers.schedules.CosineDecay(
        RATE_FACTOR * config.learning_rate, config.epochs * STEPS
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    compile_network(network, keras.optimizers.Adam(rate), loss)
    with training.progress.steps("training", config.epochs) as bar:
        for epoch in range(config.epochs):
            losses = [_step(network, training, targets, vary, rng) for _ in range(STEPS)]
            rows.append({"epoch": epoch + 1, "loss": float(np.mean(losses))})
            bar.advance(note=f"loss {losses[-1]:.3f}")
    return rows


def _step(
    network: keras.Model,
    training: Training,
    targets: NDArray[np.int64],
    vary: Vary,
    rng: np.random.Generator,
) -> float:
    chosen = balanced(targets, BATCH, rng)
    given = vary(training.train.inputs[chosen], rng)
    return float(network.train_on_batch(given, targets[chosen]))


def _spectra(spec: VibrationInput) -> int:
    """Channels that are spectra; they stand first."""
    return len(spec.axes) if spec.views and isinstance(spec.views[0], SpectrumView) else 0
