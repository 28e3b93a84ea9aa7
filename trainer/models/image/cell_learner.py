"""The network of single cells that becomes a head of cells: fitted again and again, traced once.

TensorFlow traces a step in half a second, and each call of one from Python takes as long as a
third of its work. A head is fitted up to ten times in a fit, in hundreds of small steps: here all
fits share one trace, and a pass over the cells is one call. The steps are those of Keras.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from trainer.models.image.feature_maps import Floats
from trainer.training.gradient import compile_network

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

WIDTHS = (64, 32)
"""Of the hidden layers."""

EPOCHS, STEPS = 8, 300
"""At least so many epochs and steps: fewer good parts give more epochs."""
RATE, DECAY, ROWS = 2e-3, 1e-3, 512
NOISE, DROPOUT = 0.3, 0.2
"""Noise in standard deviations of each feature."""


class CellLearner:
    """Fits cells of so many features and kinds of defects, each time from the same beginning."""

    def __init__(self, width: int, kinds: int, seed: int) -> None:
        """seed: of the first weights, the noise and the order of the cells."""
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(seed)
        self.seed = seed
        self._steps = keras.Variable(1.0, trainable=False)
        self.network = _network(width, kinds, self._steps)
        self._variables = [*self.network.variables, *self.network.optimizer.variables]
        self._first = [np.asarray(one) for one in self._variables]
        cells, bad = tf.TensorSpec((None, width)), tf.TensorSpec((None, kinds))
        given = (cells, bad, tf.TensorSpec((None,)), tf.TensorSpec((None,), tf.int32))
        self._pass = tf.function(self._once, input_signature=given, autograph=False)

    def fit(self, cells: Floats, bad: Floats, weight: Floats) -> list[list[Floats]]:
        """The weights of each dense layer by standardised cells (N, width), bad (N, kinds) and
        weight (N,), in EPOCHS epochs and STEPS steps at least.
        """
        import tensorflow as tf

        once = math.ceil(len(cells) / ROWS)
        epochs = max(EPOCHS, math.ceil(STEPS / once))
        for variable, value in zip(self._variables, self._first, strict=True):
            variable.assign(value)
        self._steps.assign(float(epochs * once))
        given = [tf.constant(one, tf.float32) for one in (cells, bad, weight)]
        rng = np.random.default_rng(self.seed)
        for _ in range(epochs):
            self._pass(*given, tf.constant(rng.permutation(len(cells)), tf.int32))
        return [layer.get_weights() for layer in self.network.layers if layer.weights]

    def _once(self, cells: tf.Tensor, bad: tf.Tensor, weight: tf.Tensor, order: tf.Tensor) -> None:
        """All cells in that order, ROWS a step."""
        import tensorflow as tf

        def step(start: tf.Tensor) -> tuple[tf.Tensor]:
            drawn = order[start : start + ROWS]
            self.network.train_step(tuple(tf.gather(one, drawn) for one in (cells, bad, weight)))
            return (start + ROWS,)

        tf.while_loop(lambda start: start < tf.size(order), step, [0], parallel_iterations=1)


def _network(width: int, kinds: int, steps: keras.Variable) -> keras.Model:
    """The head as a network of single cells, with noise and dropout, ready to be trained; steps:
    how many there will be.
    """
    import keras
    from keras import layers

    hidden = [
        layer
        for size in WIDTHS
        for layer in (layers.Dense(size, activation="relu"), layers.Dropout(DROPOUT))
    ]
    given = keras.Input((width,))
    network = keras.Sequential([given, layers.GaussianNoise(NOISE), *hidden, layers.Dense(kinds)])
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    compile_network(network, keras.optimizers.AdamW(rate, weight_decay=DECAY), loss)
    return network
