"""A network for TensorRT: symmetric int8 weights and activations, as ONNX with QDQ nodes.

TensorRT takes int8 with zero points of 0 only (NVIDIA, TensorRT developer guide, "Explicit
quantization"), so the network is quantised again by ai-edge-quantizer with symmetric activations,
carried to ONNX by tf2onnx, and checked with ONNX Runtime here. The engine is built on the board:
`trtexec --onnx=FILE.onnx --int8 --saveEngine=FILE.engine`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_agent.contracts.errors import ConfigError, ConversionError
from edge_agent.contracts.files import write_atomic
from edge_agent.contracts.scoring import dequantise, quantise
from edge_agent.contracts.types import Tensor
from edge_agent.infer.runtime import open_runtime
from quantize.child import convert_in_child, spread
from quantize.graph import parse_graph
from quantize.maxpool import pooled_maxima
from quantize.refusals import EITHER_WAY
from quantize.run import Run
from quantize.targets import find_target

INSTALL = "pip install 'lineside[jetson]'"
CALIBRATION = 100
CHECKED = 200
MOST_QUANTA = 6
"""As many as the parity vectors of a bundle allow."""

OPSET = "13"
"""The first ONNX opset with per-channel QuantizeLinear; TensorRT reads it since 8.0."""


@dataclass(frozen=True)
class Exported:
    """agreement: of the largest output with the float network's, on n held-out inputs.

    worst_quanta: the largest output difference between ONNX Runtime and LiteRT.
    """

    size_bytes: int
    n: int
    agreement: float
    correlation: float
    worst_quanta: int


def export_onnx(run: Run, out: Path) -> Exported:
    """Write the run's network as symmetric int8 ONNX; input and output are quantised tensors.

    Raises ConversionError where a tool refuses it, ConfigError where one is missing.
    """
    converted = convert_in_child(run, find_target("jetson"), "float32")
    with tempfile.TemporaryDirectory(prefix="lineside-onnx-") as name:
        folder = Path(name)
        (folder / "float.tflite").write_bytes(pooled_maxima(converted.model))
        symmetric = quantise_symmetric(folder / "float.tflite", run.calibration)
        (folder / "int8.tflite").write_bytes(symmetric)
        payload = _to_onnx(folder / "int8.tflite", folder / "int8.onnx")
    checked = _check(payload, symmetric, run.heldout[:CHECKED], converted.float_outputs)
    write_atomic(out, payload)
    return checked


def quantise_symmetric(model: Path, calibration: Tensor) -> bytes:
    """int8 weights and activations of a float .tflite file, every zero point 0.

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
    recipes = recipe_manager.RecipeManager()
    recipes.load_quantization_recipe(rules)
    tool = quantizer.Quantizer(str(model))
    tool.load_quantization_recipe(rules)
    key, name = _signature(model)
    samples = spread(calibration, CALIBRATION).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranges = calibrator.Calibrator(str(model), num_threads=1, qsv_update_func=min_max_update)
        ranges.calibrate({key: [{name: one[None]} for one in samples]}, recipes)
        done = tool.quantize(ranges.get_model_qsvs(), enable_progress_report=False)
    payload = bytes(done.quantized_model)
    refuse_asymmetric(payload)
    return payload


def refuse_asymmetric(model: bytes) -> None:
    """Raise ConversionError where a zero point is not 0, or an operator stayed in float."""
    graph = parse_graph(model, "symmetric model")
    for op in graph.ops:
        if op.name not in EITHER_WAY and any(graph.tensors[place].is_float for place in op.outputs):
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


def _signature(model: Path) -> tuple[str, str]:
    from ai_edge_litert.interpreter import Interpreter

    signatures = Interpreter(model_path=str(model)).get_signature_list()
    key = next(iter(signatures))
    return key, signatures[key]["inputs"][0]


def _to_onnx(model: Path, out: Path) -> bytes:
    words = [sys.executable, "-m", "tf2onnx.convert", "--tflite", str(model)]
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


def _check(payload: bytes, symmetric: bytes, inputs: Tensor, expected: Tensor) -> Exported:
    """Run the ONNX file on held-out inputs beside LiteRT and beside the float network's outputs."""
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise ConfigError("onnxruntime is not installed", cure=INSTALL) from error
    session = ort.InferenceSession(payload, providers=["CPUExecutionProvider"])
    runtime = open_runtime(symmetric)
    given, gives = runtime.inputs[0], runtime.outputs[0]
    name = session.get_inputs()[0].name
    rows, worst = [], 0
    for one in inputs:
        tensor = quantise(one.astype(np.float32), given.scale, given.zero_point, given.dtype)
        raw = session.run(None, {name: tensor[None]})[0]
        apart = raw.astype(np.int32) - runtime.invoke([tensor[None]])[0]
        worst = max(worst, int(np.abs(apart).max()))
        rows.append(dequantise(raw, gives.scale, gives.zero_point).reshape(-1))
    runtime.close()
    _refuse_apart(worst)
    found, said = np.stack(rows), expected[: len(rows)]
    same = found.argmax(axis=1) == said.argmax(axis=1)
    correlation = float(np.corrcoef(found.ravel(), said.ravel())[0, 1])
    return Exported(len(payload), len(rows), float(same.mean()), correlation, worst)


def _refuse_apart(worst: int) -> None:
    if worst > MOST_QUANTA:
        raise ConversionError(
            f"ONNX Runtime computes {worst} quanta apart from LiteRT, {MOST_QUANTA} are allowed",
            where="symmetric model",
            cure="use built-in operators; see which layer differs with inspect",
        )
