"""A small DCGAN: pictures of one label from 100 noise values.

Generator and discriminator after Radford et al. (ICLR 2016), 64 x 64; differentiable augmentation
of both real and false pictures after Zhao et al., DiffAugment (NeurIPS 2020), for few samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.types import Image, Tensor
from trainer.console.progress import Progress, SilentProgress

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

NOISE = 100
SIDE_PX = 64
FEWEST = 16
BATCH = 16
SHIFT_PX = 8
CUT_PX = 24


def train_generator(
    pictures: list[Image], steps: int, seed: int, progress: Progress | None = None
) -> keras.Model:
    """A generator (N, 100) -> (N, 64, 64, 3) in -1..1; raises DatasetError for too few pictures."""
    import keras
    import tensorflow as tf

    if len(pictures) < FEWEST:
        raise DatasetError(
            f"{len(pictures)} pictures of the label, a GAN needs {FEWEST}",
            where="synth --method gan",
            cure="use --method cutpaste",
        )
    keras.utils.set_random_seed(seed)
    real = tf.constant(np.stack([_small(image) for image in pictures]))
    maker, judge = generator(), discriminator()
    graph = tf.function(_step_of(maker, judge))
    draws = np.random.default_rng(seed)
    with (progress or SilentProgress()).steps("adversaries", steps) as bar:
        for _ in range(steps):
            indices = draws.integers(0, len(pictures), BATCH)
            noise = draws.normal(size=(BATCH, NOISE)).astype(np.float32)
            graph(tf.gather(real, indices), tf.constant(noise), tf.constant(_shifts(draws)))
            bar.advance()
    return maker


def _step_of(maker: keras.Model, judge: keras.Model) -> Callable[..., None]:
    """One step of both networks on a batch (hinge loss: Lim and Ye, Geometric GAN, 2017)."""
    import keras
    import tensorflow as tf

    maker_steps, judge_steps = (keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2))

    def step(batch: tf.Tensor, noise: tf.Tensor, shifts: tf.Tensor) -> None:
        with tf.GradientTape(persistent=True) as tape:
            false = maker(noise, training=True)
            seen_real = judge(_varied(batch, shifts), training=True)
            seen_false = judge(_varied(false, shifts), training=True)
            judge_loss = tf.reduce_mean(tf.nn.relu(1 - seen_real) + tf.nn.relu(1 + seen_false))
            maker_loss = -tf.reduce_mean(seen_false)
        for loss, network, optimizer in (
            (judge_loss, judge, judge_steps),
            (maker_loss, maker, maker_steps),
        ):
            weights = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    return step


def draw(maker: keras.Model, count: int, shape: tuple[int, int], seed: int) -> list[Image]:
    """`count` pictures at (height, width)."""
    noise = np.random.default_rng(seed).normal(size=(count, NOISE)).astype(np.float32)
    made = np.concatenate([maker.predict_on_batch(noise[n : n + 32]) for n in range(0, count, 32)])
    pixels = np.clip((made + 1) * 127.5, 0, 255).astype(np.uint8)
    return [cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_CUBIC) for picture in pixels]


def generator() -> keras.Model:
    """Dense to 4 x 4, then four doublings to 64 x 64; upsampling and convolution."""
    import keras

    layers = keras.layers
    noise = keras.Input((NOISE,))
    x = layers.Reshape((4, 4, 128))(layers.Dense(4 * 4 * 128)(noise))
    for width in (96, 64, 48, 32):
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(layers.UpSampling2D()(x))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(noise, layers.Conv2D(3, 3, padding="same", activation="tanh")(x))


def discriminator() -> keras.Model:
    """Four strided convolutions, one number."""
    import keras

    layers = keras.layers
    pixels = keras.Input((SIDE_PX, SIDE_PX, 3))
    x = pixels
    for width in (32, 48, 64, 96):
        x = layers.LeakyReLU(0.2)(layers.Conv2D(width, 4, strides=2, padding="same")(x))
    return keras.Model(pixels, layers.Dense(1)(layers.Flatten()(x)))


def _varied(batch: tf.Tensor, shifts: tf.Tensor) -> tf.Tensor:
    """The same brightness, shift and cut-out for real and false pictures, with a gradient."""
    import tensorflow as tf

    light, down, right, cut = tf.unstack(shifts)
    moved = tf.roll(batch, [tf.cast(down, tf.int32), tf.cast(right, tf.int32)], axis=[1, 2])
    positions = tf.range(SIDE_PX, dtype=tf.float32)
    inside = tf.logical_and(positions >= cut, positions < cut + CUT_PX)
    visible = 1 - tf.cast(inside[:, None] & inside[None, :], tf.float32)
    return (moved + light) * visible[None, :, :, None]


def _shifts(rng: np.random.Generator) -> NDArray[np.float32]:
    moves = rng.integers(-SHIFT_PX, SHIFT_PX + 1, 2)
    values = [rng.uniform(-0.3, 0.3), *moves, rng.integers(-CUT_PX, SIDE_PX)]
    return np.array(values, np.float32)


def _small(image: Image) -> Tensor:
    small = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 127.5 - 1
