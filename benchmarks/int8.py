"""A trained network as int8 on LiteRT, for benchmarks: converted in this process, one thread."""

from __future__ import annotations

import statistics
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.scoring import dequantise, quantise
from edge_agent.contracts.model.true_ranges import calibrated
from edge_agent.infer.runtime_choice import open_runtime
from quantize.convert.bias import correct_biases
from quantize.convert.converter import calibration_inputs, static_batch
from quantize.convert.mixed import float_tensors, has_float_layers, quantise_calibrated

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Int8:
    """outputs: (N, K) dequantised; latency_ms: median of one input; model_bytes: of the file.

    heat: the second output (N, G, G) of a detector of images, None for others.
    """

    outputs: NDArray[np.float32]
    latency_ms: float
    model_bytes: int
    heat: NDArray[np.float32] | None = None


def run_int8(model: keras.Model, calibration: Tensor, inputs: Tensor) -> Int8:
    """Convert `model` (float inputs) with `calibration` and run it on every input."""
    return run_payload(convert(model, calibration), inputs)


def run_payload(payload: bytes, inputs: Tensor) -> Int8:
    """Run a model of `convert` on every input."""
    runtime = open_runtime(payload)
    given, out = runtime.inputs[0], runtime.outputs[0]
    rows, spent = [], []
    for one in inputs:
        tensor = quantise(one.astype(np.float32), given.scale, given.zero_point, given.dtype)
        started = time.perf_counter()
        raw = runtime.invoke([tensor[None]])[0]
        spent.append(time.perf_counter() - started)
        rows.append(dequantise(raw, out.scale, out.zero_point).reshape(-1))
    runtime.close()
    return Int8(np.stack(rows), 1000 * statistics.median(spent), len(payload))


def convert(model: keras.Model, calibration: Tensor) -> bytes:
    """Full-integer TFLite with int8 input and output, as `lineside-quantize convert` makes it."""
    return _converted(model, calibration.astype(np.float32), image=False)


def run_images(model: keras.Model, calibration: Tensor, inputs: Tensor) -> Int8:
    """Convert an image model, its `float_` layers left in float, and run it on uint8 images.

    latency_ms is processor time of the one thread: other work on the machine does not count.
    """
    runtime = open_runtime(payload := convert_images(model, calibration))
    out = runtime.outputs[0]
    rows, heats, spent = [], [], []
    for one in inputs:
        started = time.thread_time()
        raw = runtime.invoke([one[None]])
        spent.append(time.thread_time() - started)
        rows.append(dequantise(raw[0], out.scale, out.zero_point).reshape(-1))
        if len(raw) > 1:
            heats.append(dequantise(raw[1], runtime.outputs[1].scale, 0)[0, :, :, 0])
    runtime.close()
    heat = np.stack(heats) if heats else None
    return Int8(np.stack(rows), 1000 * statistics.median(spent), len(payload), heat)


def convert_images(model: keras.Model, calibration: Tensor) -> bytes:
    """uint8 pixels in; int8 logits out, or float scores where the network has exact layers."""
    return _converted(model, calibration_inputs(calibration, image=True), image=True)


def _converted(model: keras.Model, samples: Tensor, *, image: bool) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(static_batch(model))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with redirect_stdout(sys.stderr):
        network = calibrated(converter, samples)
        exact = float_tensors(network) if has_float_layers(model) else []
        quantised = quantise_calibrated(converter, network, image, exact)
    return correct_biases(quantised, network, samples).model
