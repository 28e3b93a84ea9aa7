"""A network for TensorRT: symmetric int8 weights and activations, as ONNX with QDQ nodes.

TensorRT takes int8 with zero points of 0 only (NVIDIA, TensorRT developer guide, "Explicit
quantization"), so the network is quantised again by ai-edge-quantizer with symmetric activations,
carried to ONNX by tf2onnx, and checked with ONNX Runtime here. Layers named with FLOAT_PREFIX stay
in float, as in a bundle. The engine is built on the board:
`trtexec --onnx=FILE.onnx --int8 --saveEngine=FILE.engine`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

from edge_agent.contracts.core.errors import ConfigError, ConversionError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from edge_agent.contracts.model.scoring import dequantise, judge, quantise
from edge_agent.contracts.run_folder.run import RunFolder
from edge_agent.infer.runtime_choice import open_runtime
from quantize.convert.conversion_process import convert_in_subprocess, spread
from quantize.targets.op_support import EITHER_WAY
from quantize.targets.target import Target, Targets

INSTALL = "install Lineside with its extra: pip install -e '.[jetson]' -c constraints.txt"
CALIBRATION = 100
CHECKED = 200
MOST_QUANTA = 6
"""As many as the parity vectors of a bundle allow."""

OPSET = "13"
"""The first ONNX opset with per-channel QuantizeLinear; TensorRT reads it since 8.0."""


@dataclass(frozen=True)
class Exported:
    """agreement: of verdict and label with the float network's, on n held-out inputs.

    worst_quanta: the largest output difference between ONNX Runtime and LiteRT; a quantum of a
    float output is a 255th of its range on these inputs.
    """

    size_bytes: int
    n: int
    agreement: float
    correlation: float
    worst_quanta: int


def export_onnx(run: RunFolder, out: Path) -> Exported:
    """Write the run's network as symmetric int8 ONNX; input and output are quantised tensors.

    Raises ConversionError where a tool refuses it, ConfigError where one is missing.
    """
    from quantize.graph.maxpool import pooled_maxima

    converted = convert_in_subprocess(run, "float32")
    with tempfile.TemporaryDirectory(prefix="lineside-onnx-") as name:
        folder = Path(name)
        exact = float_layer_outputs(converted.model)
        (folder / "float.tflite").write_bytes(pooled_maxima(converted.model, exact))
        symmetric = quantise_symmetric(folder / "float.tflite", run.calibration, exact)
        (folder / "int8.tflite").write_bytes(symmetric)
        payload = _to_onnx(folder / "int8.tflite", folder / "int8.onnx")
    checked = _check(payload, symmetric, run, converted.float_outputs.heldout)
    write_atomic(out, payload)
    return checked


def quantise_symmetric(model: Path, calibration: Tensor, exact: Sequence[str] = ()) -> bytes:
    """int8 weights and activations of a float .tflite file, every zero point 0; what gives the
    tensors `exact` stays in float.

    Ranges are the extremes over all samples: the tool's own moving average clips the rare ones.
    """
    try:
        from ai_edge_quantizer import calibrator, quantizer, recipe, recipe_manager
        from ai_edge_quantizer.utils.qsv_utils import min_max_update
    except ImportError as error:
        raise ConfigError("ai-edge-quantizer is not installed", cure=INSTALL) from error
    rules = recipe.static_wi8_ai8()
    for rule in rules:
        rule["op_config"]["activation_tensor_config"]["symmetric"] = True
    if exact:
        scopes = "|".join(re.escape(name) for name in exact)
        rules.append({"regex": scopes, "operation": "*", "algorithm_key": "no_quantize"})
    recipes = recipe_manager.RecipeManager()
    recipes.load_quantization_recipe(rules)
    tool = quantizer.Quantizer(str(model))
    tool.load_quantization_recipe(rules)
    key, name = _signature(model)
    samples = spread(calibration, CALIBRATION).astype(np.float32)
    with warnings.catch_warnings(), redirect_stderr(StringIO()):  # it draws progress bars
        warnings.simplefilter("ignore")
        ranges = calibrator.Calibrator(str(model), num_threads=1, qsv_update_func=min_max_update)
        ranges.calibrate({key: [{name: one[None]} for one in samples]}, recipes)
        done = tool.quantize(ranges.get_model_qsvs(), enable_progress_report=False)
    payload = _readable(bytes(done.quantized_model))
    refuse_asymmetric(payload, exact)
    return payload


def float_layer_outputs(model: bytes) -> list[str]:
    """Names of the tensors that float layers of a float .tflite give; empty where it has none."""
    from quantize.convert.mixed import float_tensors

    names = float_tensors(model)
    return names if any(FLOAT_PREFIX in name for name in names) else []


def refuse_asymmetric(model: bytes, exact: Sequence[str] = ()) -> None:
    """Raise ConversionError where a zero point is not 0, or an operator stayed in float that gives
    none of the tensors `exact`.
    """
    from quantize.graph.read import parse_graph

    graph = parse_graph(model, "symmetric model")
    for op in graph.ops:
        given = [graph.tensors[index] for index in op.outputs]
        free = [one for one in given if one.is_float and one.name not in exact]
        if op.name not in EITHER_WAY and free:
            raise ConversionError(
                f"{op.name} stays in float",
                where="symmetric model",
                cure="replace that layer by convolutions, dense layers and pooling",
            )
    for tensor in graph.tensors:
        if any(tensor.zero_points):
            raise ConversionError(
                f"tensor {tensor.name} has zero point {tensor.zero_points[0]}",
                where="symmetric model",
                cure="replace the operator that makes it; softmax does, logits do not",
            )


def _readable(model: bytes) -> bytes:
    """The file as tf2onnx reads it: codes of operators in the older one of their two fields too,
    and constants within the flatbuffer (schema.fbs, versions 3a and 3c).
    """
    from ai_edge_litert import schema_py_generated as schema

    from edge_agent.contracts.model.flatbuffer import packed

    tree = schema.ModelT.InitFromPackedBuf(model)
    for code in tree.operatorCodes:
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    for buffer in tree.buffers:
        if buffer.size:
            outside = model[buffer.offset : buffer.offset + buffer.size]
            buffer.data, buffer.offset, buffer.size = np.frombuffer(outside, np.uint8), 0, 0
    return packed(tree)


def _signature(model: Path) -> tuple[str, str]:
    from ai_edge_litert.interpreter import Interpreter

    signatures = Interpreter(model_path=str(model)).get_signature_list()
    key = next(iter(signatures))
    return key, signatures[key]["inputs"][0]


def _to_onnx(model: Path, out: Path) -> bytes:
    words = [sys.executable, "-P", "-m", "tf2onnx.convert", "--tflite", str(model)]
    done = subprocess.run(
        [*words, "--output", str(out), "--opset", OPSET],
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named tf2onnx" in done.stderr:
        raise ConfigError("tf2onnx is not installed", cure=INSTALL)
    if done.returncode != 0 or not out.is_file():
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise ConversionError(
            f"tf2onnx fails ({last[0]})", where="symmetric model", cure="use built-in operators"
        )
    return out.read_bytes()


def _check(payload: bytes, symmetric: bytes, run: RunFolder, expected: Tensor) -> Exported:
    """Run the ONNX file on held-out inputs beside LiteRT and beside the float network's outputs."""
    try:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime as ort
    except ImportError as error:
        raise ConfigError("onnxruntime is not installed", cure=INSTALL) from error
    session = ort.InferenceSession(payload, providers=["CPUExecutionProvider"])
    runtime = open_runtime(symmetric)
    given, gives = runtime.inputs[0], runtime.outputs[0]
    name = session.get_inputs()[0].name
    both = []
    for one in run.held_out.inputs[:CHECKED]:
        tensor = quantise(one.astype(np.float32), given.scale, given.zero_point, given.dtype)
        raws = session.run(None, {name: tensor[None]})[0], runtime.invoke([tensor[None]])[0]
        both.append([dequantise(raw, gives.scale, gives.zero_point).reshape(-1) for raw in raws])
    runtime.close()
    outputs, beside = (np.stack(rows) for rows in zip(*both, strict=True))
    quantum = gives.scale or max(float(np.ptp(beside)), 1e-6) / 255
    worst = round(float(np.abs(outputs - beside).max()) / quantum)
    _refuse_apart(worst)
    reference = expected[: len(outputs)]
    same = [
        _judged(run, one) == _judged(run, other)
        for one, other in zip(outputs, reference, strict=True)
    ]
    correlation = float(np.corrcoef(outputs.ravel(), reference.ravel())[0, 1])
    return Exported(len(payload), len(outputs), float(np.mean(same)), correlation, worst)


def _judged(run: RunFolder, output: Tensor) -> tuple[str, str]:
    """Verdict and label that an output (K,) alone would give."""
    judgement = judge(output[None], run.spec.labels, run.spec.good, run.spec.scoring)
    return str(judgement.verdict), judgement.label


def _refuse_apart(worst: int) -> None:
    if worst > MOST_QUANTA:
        raise ConversionError(
            f"ONNX Runtime computes {worst} quanta apart from LiteRT, {MOST_QUANTA} are allowed",
            where="symmetric model",
            cure="use built-in operators; see which layer differs with inspect",
        )


DRIVER = Targets((Target("jetson", "NVIDIA Jetson, on its CPU"),))
