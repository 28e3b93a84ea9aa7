"""Features of the training images by the int8 backbone of the station, beside the float ones.

Rounding shifts the features of a position by more than good parts differ where good parts hardly
differ at all (a white background). Distances that were fitted
on float features alone are then large for every part in int8; distances that were fitted on both
allow for the rounding. A regression likewise learns to give little weight to features that
rounding changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from io import StringIO
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.parallel_runs import ParallelRuns
from edge_agent.contracts.model.true_ranges import calibrated
from trainer.console.tf_log import silent_descriptor
from trainer.data.in_turn import in_turn
from trainer.models.image.backbone import NETWORK, scaled_rgb
from trainer.models.image.feature_maps import (
    BATCH,
    FEATURES,
    Filled,
    Floats,
    inputs_with_defects,
    listed,
)
from trainer.training.api import Training
from trainer.training.float_runtime import frozen
from trainer.training.predict import forward

if TYPE_CHECKING:
    import keras


class FeatureReader:
    """What a detector's layer make of images, as float and as int8 sees them."""

    def __init__(
        self,
        network: keras.Model,
        training: Training,
        calibration: Tensor | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        """`network`: a detector with a layer NETWORK and layers that make features of its outputs;
        calibration: what int8 ranges are learnt from, or good parts and synthetic defects; dtype:
        that of what is read, where a call states no other.
        """
        self._network = network
        self._heads: dict[tuple[str, ...], keras.Model] = {}
        self._backbone = _backbone(network, training)
        self._payload = converted(
            self._backbone, inputs_with_defects(training) if calibration is None else calibration
        )
        self._training, self._dtype = training, dtype

    def read_both(
        self, inputs: Tensor, what: str, layer: str = FEATURES, dtype: DTypeLike | None = None
    ) -> list[Floats]:
        """uint8 (N, H, W, C) -> (2N, ...) for each output of `layer`: float rows, then int8 rows.

        layer: the layer that computes the features; dtype: that of the returned arrays.
        """
        return self.read_both_of(inputs, what, {layer: dtype or self._dtype})[0]

    def read_both_of(
        self, inputs: Tensor, what: str, layers: Mapping[str, DTypeLike]
    ) -> list[list[Floats]]:
        """The same of several layers, each with the dtype of its arrays: the backbone, which takes
        nearly all of the time, reads a picture once for all of them.
        """
        rounded = self._rounded(inputs, what, layers)
        pairs = zip(self._float(inputs, what, layers), rounded, strict=True)
        joined = iter([np.concatenate(pair) for pair in pairs])
        return [list(islice(joined, self._count(name))) for name in layers]

    def read_float(self, inputs: Tensor, what: str) -> list[Floats]:
        """The features of the float backbone alone: one (N, ...) for each output of FEATURES."""
        return self._float(inputs, what, {FEATURES: self._dtype})

    def read_rounded(
        self, inputs: Tensor, what: str, layer: str = FEATURES, dtype: DTypeLike | None = None
    ) -> list[Floats]:
        """The features of the int8 backbone alone; `layer` itself is computed in float."""
        return self._rounded(inputs, what, {layer: dtype or self._dtype})

    def _float(self, inputs: Tensor, what: str, layers: Mapping[str, DTypeLike]) -> list[Floats]:
        taps = forward(self._backbone, inputs, BATCH)
        return self._read(taps, len(inputs), f"features of {what}", layers)

    def _rounded(self, inputs: Tensor, what: str, layers: Mapping[str, DTypeLike]) -> list[Floats]:
        taps = _joined(int8_outputs(self._payload, inputs))
        return self._read(taps, len(inputs), f"features of {what} in int8", layers)

    def _read(
        self, taps: Iterable[list[Floats]], count: int, what: str, layers: Mapping[str, DTypeLike]
    ) -> list[Floats]:
        """What the layers make of the backbone's outputs for `count` inputs, batch by batch."""
        head, kept = self._head(tuple(layers)), self._dtypes(layers)
        rows = Filled(count)
        with self._training.progress.steps(what, count) as bar:
            for given in taps:
                rows.add(listed(head.predict_on_batch(given), kept))
                for _ in range(len(given[0])):
                    bar.advance()
        return rows.columns

    def _head(self, names: tuple[str, ...]) -> keras.Model:
        """All outputs of these layers, one layer's after the other's, from the backbone's taps."""
        import keras

        if names not in self._heads:
            taps = [keras.Input(one.shape[1:]) for one in self._backbone.outputs]
            outputs = [self._network.get_layer(name)(taps) for name in names]
            flat = [one for several in outputs for one in _several(several)]
            self._heads[names] = keras.Model(taps, flat)
        return self._heads[names]

    def _count(self, name: str) -> int:
        """How many outputs a layer has."""
        return len(_several(self._network.get_layer(name).output))

    def _dtypes(self, layers: Mapping[str, DTypeLike]) -> list[DTypeLike]:
        """One for each output of the layers."""
        return [dtype for name, dtype in layers.items() for _ in range(self._count(name))]


def _several(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def converted(network: keras.Model, samples: Tensor) -> bytes:
    """`network` from uint8 pixels to int8 outputs, its ranges learnt from `samples` (uint8)."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    calibration = samples.astype(np.float32)
    calibration[0, 0, 0, :], calibration[0, -1, -1, :] = 0.0, 255.0
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen(network)])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with redirect_stdout(StringIO()), silent_descriptor(2):
        ranged = calibrated(converter, calibration)
        return bytes(mlir_quantize(ranged, input_data_type=tf.uint8, output_data_type=tf.int8))


def int8_outputs(payload: bytes, inputs: Tensor) -> Iterator[list[Floats]]:
    """The dequantised outputs for each input, in the network's order, with a batch axis."""
    runs = ParallelRuns(payload)
    kinds = [one["quantization"] for one in runs.outputs]
    batches = (inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH))
    # One thread, which starts the runtime's own: the next batch runs while the last is read.
    for rows in in_turn(runs.run, batches, threads=1):
        for row in rows:
            yield [_real(one, kind) for one, kind in zip(row, kinds, strict=True)]


def _joined(rows: Iterator[list[Floats]]) -> Iterator[list[Floats]]:
    """Each output of BATCH rows after the other, in one array."""
    while some := list(islice(rows, BATCH)):
        yield [np.concatenate(column) for column in zip(*some, strict=True)]


def _backbone(network: keras.Model, training: Training) -> keras.Model:
    """The backbone of a detector: pixels 0..255 to the taps of its backbone."""
    import keras

    pixels = keras.Input(training.spec.shape)
    return keras.Model(pixels, network.get_layer(NETWORK)(scaled_rgb(pixels)))


def _real(values: Tensor, quantization: tuple[float, int]) -> Floats:
    scale, zero_point = quantization
    found = values.astype(np.float32)
    found -= np.float32(zero_point)
    found *= np.float32(scale)
    return found
