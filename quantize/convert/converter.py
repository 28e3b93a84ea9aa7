"""The child of a conversion: Keras network in, TFLite out.

Run as `python -m quantize.convert.converter JOB`.

Writes beside its job: model.tflite; where the job asks for it, float.npy and calibration.npy, the
float network's first output on the held-out inputs and on those of the calibration; stage.json
({"suspects": layers, "notes": lines} or {"error": [what, cure]}).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.parallel_runs import ParallelRuns
from edge_agent.contracts.model.true_ranges import calibrated
from quantize.convert.bias import correct_biases
from quantize.convert.conversion_process import FLOAT_OUTPUT_FILES, MORE_SPACE, Job
from quantize.convert.mixed import float_tensors, has_float_layers, quantise_calibrated
from quantize.convert.postprocess import halved, in_order
from quantize.convert.sensitivity import most_sensitive_tensors
from quantize.convert.wide import quantise_wide

RECURRENT = ("LSTM", "GRU", "SimpleRNN")
BATCH_VALUES = 500_000
"""Input values in a batch: large images come a few at a time, or their activations fill memory; a
network may look at each of them several times."""
MLIR_PLACE = re.compile(r'loc\(.*?fused\["(\w+):", "([^"@]+)')
"""Where an MLIR error says that it arose: operator and node."""

LONGEST_UNROLL = 256
"""More steps than this make a graph that no station runs in time."""


def main(job_path: str) -> int:
    """0, or 1 with the reason in stage.json."""
    folder = Path(job_path).parent
    job = Job(**json.loads(Path(job_path).read_text(encoding="utf-8")))
    stage: dict[str, list[str]] = {"suspects": [], "notes": []}
    try:
        Path(job.out).write_bytes(_convert(job, folder, stage))
    except ConversionError as error:
        stage["error"] = [error.what, error.cure]
    except Exception as error:  # noqa: BLE001  the top of this process; TF has error classes of its own
        stage["error"] = [f"the converter fails ({_first_line(error)})", _cure(str(error))]
    _note(folder, stage)
    return 1 if "error" in stage else 0


def _convert(job: Job, folder: Path, stage: dict[str, list[str]]) -> bytes:
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError

    model = _load(job.model)
    given = _inputs(job.calibration)
    if job.run_float:
        heldout = _inputs(job.heldout)
        outputs = first_output(model, np.concatenate([heldout, given]))
        np.save(folder / FLOAT_OUTPUT_FILES[0], outputs[: len(heldout)])
        np.save(folder / FLOAT_OUTPUT_FILES[1], outputs[len(heldout) :])
    stage["suspects"] = [
        layer.name for layer in _walk(model) if type(layer).__name__ in (*RECURRENT, "RNN")
    ]
    _note(folder, stage)
    static = static_batch(unrolled(model, stage["notes"]))
    samples = calibration_inputs(given, job.image)
    kinds, has_float = tf.lite.TFLiteConverter, has_float_layers(model)
    try:
        made = kinds.from_concrete_functions([frozen(static)])
        return _quantised(made, job, samples, stage, has_float=has_float)
    except ConverterError:
        # The slower way fails too, in words that name the layer, which a frozen function lost.
        made = kinds.from_keras_model(static)
        return _quantised(made, job, samples, stage, has_float=has_float)


def _quantised(
    converter: Any, job: Job, samples: Tensor, stage: dict[str, list[str]], *, has_float: bool
) -> bytes:
    """The network of `converter` as the job's variant; has_float: whether layers stay in float."""
    if job.variant == "int16x8" and has_float:
        network = bytes(converter.convert())
        return quantise_wide(network, samples, float_tensors(network))
    _set_variant(converter, job, samples)
    if job.variant == "float16":
        return halved(bytes(converter.convert()))
    if job.variant not in ("int8", "mixed"):
        return in_order(bytes(converter.convert()))
    network = calibrated(converter, samples)
    exact = float_tensors(network) if has_float else []
    if job.variant == "mixed":
        exact += most_sensitive_tensors(network, samples, exact, stage["notes"])
    quantised = quantise_calibrated(converter, network, job.image, exact)
    return _corrected(quantised, network, samples, stage["notes"])


def _inputs(path: str) -> Tensor:
    with np.load(path, allow_pickle=False) as content:
        return np.asarray(content["inputs"])


def _corrected(quantised: bytes, network: bytes, samples: Tensor, notes: list[str]) -> bytes:
    corrected = correct_biases(quantised, network, samples)
    if corrected.kept:
        notes.append(
            f"biases corrected: output error {corrected.before:.4f} to {corrected.after:.4f} "
            "of the output's spread"
        )
    return corrected.model


def first_output(model: Any, inputs: Tensor) -> Tensor:
    """The float network's first output on `inputs`: float32 (N, K).

    Images are run by LiteRT, which computes the float network several times as fast as Keras and
    differs from it by rounding (1e-5).
    """
    runs = _float_runs(model) if inputs.ndim == 4 else None
    if runs is not None:
        joined = np.concatenate([row[0] for row in runs.run(inputs.astype(np.float32))])
        return joined.reshape(len(joined), -1)
    rows = []
    batch = max(1, min(64, BATCH_VALUES // int(np.prod(inputs.shape[1:]))))
    for start in range(0, len(inputs), batch):
        given = model.predict_on_batch(inputs[start : start + batch].astype(np.float32))
        first = given[0] if isinstance(given, list | tuple) else given
        rows.append(np.asarray(first, np.float32))
    joined = np.concatenate(rows)
    return joined.reshape(len(joined), -1)


def _float_runs(model: Any) -> ParallelRuns | None:
    """The network by LiteRT; None where LiteRT has no operator for one of its layers."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError

    try:
        converted = tf.lite.TFLiteConverter.from_concrete_functions([frozen(model)]).convert()
        return ParallelRuns(bytes(converted))
    except (ConverterError, tf.errors.OpError, ValueError, TypeError, RuntimeError):
        return None


def frozen(model: Any) -> Any:
    """The network with a batch of 1 as a function whose weights are constants.

    Its converter needs a fifth of the time that it needs for the Keras network itself, which it
    saves and reads again.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    run = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
    traced = run.get_concrete_function(tf.TensorSpec((1, *model.input_shape[1:]), tf.float32))
    return convert_variables_to_constants_v2(traced)


def static_batch(model: Any) -> Any:
    """The same network with a batch of 1: a free batch leaves shape operators in the graph."""
    import keras

    inputs = keras.Input(batch_shape=(1, *model.input_shape[1:]), dtype="float32")
    return keras.Model(inputs, model(inputs, training=False))


def unrolled(model: Any, notes: list[str]) -> Any:
    """Recurrent layers without loops, on which the int8 converter crashes."""
    import keras

    layers = [layer for layer in _walk(model) if type(layer).__name__ in RECURRENT]
    if all(layer.unroll for layer in layers):
        return model
    for layer in layers:
        _refuse_long(layer)
        notes.append(f"layer {layer.name} was unrolled")

    def copy(layer: Any) -> Any:
        config = layer.get_config()
        if type(layer).__name__ in RECURRENT:
            config["unroll"] = True
        return type(layer).from_config(config)

    copied = keras.models.clone_model(model, clone_function=copy)
    copied.set_weights(model.get_weights())
    return copied


def calibration_inputs(samples: Tensor, image: bool) -> Tensor:
    """float32 calibration inputs; images get one black and one white pixel in the first sample,

    so that the input's range is exactly 0..255: uint8 with scale 1 and zero point 0.
    """
    values = samples.astype(np.float32)
    if image:
        values[0, 0, 0, :] = 0.0
        values[0, -1, -1, :] = 255.0
    return values


def _set_variant(converter: Any, job: Job, samples: Tensor) -> None:
    import tensorflow as tf

    ops = tf.lite.OpsSet
    if job.variant in ("float16", "float32"):
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]

    def representative() -> Iterator[list[Tensor]]:
        for sample in samples:
            yield [sample[None]]

    converter.representative_dataset = representative
    if job.variant == "int16x8":
        wide = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [wide]
        converter.inference_input_type = tf.int16
        converter.inference_output_type = tf.int16
        return
    converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8 if job.image else tf.int8
    converter.inference_output_type = tf.int8
    if job.per_tensor_dense:
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True


def _load(path: str) -> Any:
    import keras

    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError) as error:
        raise ConversionError(
            f"cannot be loaded ({_first_line(error)})",
            cure="train with layers of Keras itself: no custom layers, no Lambda",
        ) from error


def _walk(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _walk(layer)
        elif hasattr(layer, "forward_layer"):
            yield from (layer.forward_layer, layer.backward_layer)
        else:
            yield layer


def _refuse_long(layer: Any) -> None:
    steps = layer.input.shape[1]
    if steps is None or steps > LONGEST_UNROLL:
        raise ConversionError(
            f"recurrent layer {layer.name} runs {steps} steps, at most {LONGEST_UNROLL} can be "
            "unrolled",
            cure="shorten the sequence with strided convolutions before it",
        )


def _cure(text: str) -> str:
    if "No space left" in text or "ENOSPC" in text:
        return MORE_SPACE
    if "batch" in text or "shape" in text or "dynamic" in text:
        return "give every layer a fixed shape"
    return "replace the layer it names by built-in operators"


def _first_line(error: Exception) -> str:
    """The first line of an error; of an MLIR one the operator and the node it stands at."""
    match = MLIR_PLACE.search(str(error))
    if match:
        return f"no int8 operator for {match[1]} at {match[2]}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def _note(folder: Path, stage: dict[str, list[str]]) -> None:
    (folder / "stage.json").write_text(json.dumps(stage), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
