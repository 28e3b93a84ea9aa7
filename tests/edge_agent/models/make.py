"""Makes the four networks of the agent's tests, with weights set by hand; needs TensorFlow.

brightness.tflite: uint8 (32, 32, 3) -> logits of "dark" and "bright", equal at a mean of 128.
loudness.tflite: int8 (64, 1) in g -> logits of "quiet" and "loud", equal at a mean |x| of 1 g.
power.tflite: int8 (2,) in 0..1 -> logits of "ok" and "hot", equal where the second is 0.5.
drift.tflite: int8 (4, 1) in 0..1 -> the mean of the four rows as a score.

    python tests/edge_agent/models/make.py
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent


def brightness() -> keras.Model:
    pixels = keras.Input(batch_shape=(1, 32, 32, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    pooled = keras.layers.GlobalAveragePooling2D()(scaled)
    head = keras.layers.Dense(2)
    model = keras.Model(pixels, head(pooled))
    head.set_weights([np.tile([[-4.0, 4.0]], (3, 1)), np.zeros(2)])
    return model


def loudness() -> keras.Model:
    signal = keras.Input(batch_shape=(1, 64, 1))
    both = keras.layers.Conv1D(2, 1, activation="relu", use_bias=False)
    head = keras.layers.Dense(2)
    pooled = keras.layers.GlobalAveragePooling1D()(both(signal))
    model = keras.Model(signal, head(pooled))
    both.set_weights([np.array([[[1.0, -1.0]]])])
    head.set_weights([np.tile([[-4.0, 4.0]], (2, 1)), np.array([4.0, -4.0])])
    return model


def power() -> keras.Model:
    row = keras.Input(batch_shape=(1, 2))
    head = keras.layers.Dense(2)
    model = keras.Model(row, head(row))
    head.set_weights([np.array([[0.0, 0.0], [-8.0, 8.0]]), np.array([4.0, -4.0])])
    return model


def drift() -> keras.Model:
    rows = keras.Input(batch_shape=(1, 4, 1))
    head = keras.layers.Dense(1, use_bias=False)
    model = keras.Model(rows, head(keras.layers.Flatten()(rows)))
    head.set_weights([np.full((4, 1), 0.25)])
    return model


def convert(model: keras.Model, samples: np.ndarray, taken: type) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = taken
    converter.inference_output_type = tf.int8
    return converter.convert()


if __name__ == "__main__":
    random = np.random.default_rng(0)
    levels = np.linspace(0, 255, 64)[:, None, None, None]
    frames = np.clip(levels + random.uniform(-9, 9, (64, 32, 32, 3)), 0, 255).astype(np.float32)
    frames[0], frames[-1] = 0, 255
    (HERE / "brightness.tflite").write_bytes(convert(brightness(), frames, tf.uint8))
    sizes = np.linspace(0, 3, 64)[:, None, None]
    signals = (sizes * random.standard_normal((64, 64, 1))).clip(-8, 8).astype(np.float32)
    signals[-1, 0], signals[-1, 1] = 8, -8
    (HERE / "loudness.tflite").write_bytes(convert(loudness(), signals, tf.int8))
    rows = random.uniform(0, 1, (64, 2)).astype(np.float32)
    rows[0], rows[-1] = 0, 1
    (HERE / "power.tflite").write_bytes(convert(power(), rows, tf.int8))
    windows = random.uniform(0, 1, (64, 4, 1)).astype(np.float32)
    windows[0], windows[-1] = 0, 1
    (HERE / "drift.tflite").write_bytes(convert(drift(), windows, tf.int8))
