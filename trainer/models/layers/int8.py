"""What the station's int8 backbone sees of the training images, beside what float sees.

Rounding shifts the features of a place by more than good parts differ where good parts hardly
differ at all (a white background). Distances estimated from float features alone then call every
part odd in int8; estimated from both, they allow for the rounding. A regression likewise learns not
to lean on features that rounding spoils.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from edge_agent.contracts.core.types import Tensor
from trainer.console.tf_log import silent_descriptor
from trainer.models.image.backbone import NETWORK, scaled_rgb
from trainer.models.image.feature_maps import BATCH, SENSES, Floats, listed, planted_inputs, rows_of
from trainer.training.api import Training

if TYPE_CHECKING:
    import keras


class Sight:
    """What a detector's senses make of images, as float and as int8 sees them."""

    def __init__(self, network: keras.Model, training: Training) -> None:
        """`network`: a detector with a layer `eye` and layers that make senses of its outputs."""
        self._network = network
        self._wholes: dict[str, keras.Model] = {}
        self._sight = _sight(network, training)
        self._payload = converted(self._sight, planted_inputs(training))
        self._training = training

    def twice(
        self, inputs: Tensor, what: str, senses: str = SENSES, dtype: DTypeLike = np.float32
    ) -> list[Floats]:
        """uint8 (N, H, W, C) -> one (2N, ...) per sense: float rows first, then int8 rows.

        senses: the layer that makes them; dtype: as which they are kept.
        """
        rounded = self._rounded(inputs, what, senses, dtype)
        pairs = zip(self.plain(inputs, what, senses, dtype), rounded, strict=True)
        return [np.concatenate(pair) for pair in pairs]

    def plain(
        self, inputs: Tensor, what: str, senses: str = SENSES, dtype: DTypeLike = np.float32
    ) -> list[Floats]:
        """The same of the float backbone alone: one (N, ...) per sense."""
        import keras

        if senses not in self._wholes:
            sensed = self._network.get_layer(senses)(self._sight.outputs)
            self._wholes[senses] = keras.Model(self._sight.input, sensed)
        whole = self._wholes[senses]
        return rows_of(whole, inputs, self._training, f"features of {what}", dtype)

    def _rounded(self, inputs: Tensor, what: str, senses: str, dtype: DTypeLike) -> list[Floats]:
        """Of the int8 backbone; the senses stay in float."""
        sensing = self._network.get_layer(senses)
        rows: list[list[Floats]] = []
        taps: list[list[Floats]] = []
        with self._training.talk.steps(f"features of {what} in int8", len(inputs)) as bar:
            for place, found in enumerate(sights(self._payload, inputs)):
                taps.append(found)
                bar.advance()
                if len(taps) == BATCH or place == len(inputs) - 1:
                    given = [np.concatenate(column) for column in zip(*taps, strict=True)]
                    rows.append(listed(sensing.predict_on_batch(given), dtype))
                    taps = []
        return [np.concatenate(column) for column in zip(*rows, strict=True)]


def converted(network: keras.Model, samples: Tensor) -> bytes:
    """`network` from uint8 pixels to int8 outputs, its ranges learnt from `samples` (uint8)."""
    import keras
    import tensorflow as tf

    calibration = samples.astype(np.float32)
    calibration[0, 0, 0, :], calibration[0, -1, -1, :] = 0.0, 255.0

    def representative() -> Iterator[list[Tensor]]:
        for sample in calibration:
            yield [sample[None]]

    pixels = keras.Input(batch_shape=(1, *network.input_shape[1:]))
    static = keras.Model(pixels, network(pixels))
    converter = tf.lite.TFLiteConverter.from_keras_model(static)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.int8
    with redirect_stdout(StringIO()), silent_descriptor(2), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        return bytes(converter.convert())


def sights(payload: bytes, inputs: Tensor) -> Iterator[list[Floats]]:
    """The dequantised outputs for each input, in the network's order, with a batch axis of 1."""
    from ai_edge_litert.interpreter import Interpreter

    with silent_descriptor(2):
        reader = Interpreter(model_content=payload, num_threads=1)
        reader.allocate_tensors()
    place = reader.get_input_details()[0]["index"]
    named = reader.get_signature_runner().get_output_details()
    outputs = [named[name] for name in sorted(named, key=lambda one: int(one.split("_")[-1]))]
    for image in inputs:
        reader.set_tensor(place, image[None])
        reader.invoke()
        yield [_real(reader.get_tensor(one["index"]), one["quantization"]) for one in outputs]


def _sight(network: keras.Model, training: Training) -> keras.Model:
    """A detector's start: pixels 0..255 to the taps of its backbone."""
    import keras

    pixels = keras.Input(training.spec.shape)
    return keras.Model(pixels, network.get_layer(NETWORK)(scaled_rgb(pixels)))


def _real(values: Tensor, quantization: tuple[float, int]) -> Floats:
    scale, zero_point = quantization
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
