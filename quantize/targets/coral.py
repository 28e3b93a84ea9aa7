"""Coral's Edge TPU: what its compiler would map, the compiler itself, and the accelerators.

The prediction follows coral.ai, "TensorFlow models on the Edge TPU", model requirements and table
of supported operations (compiler 16, 2021). Only the compiler's own log says "compiled"; this says
"predicted". An operator is mapped while neither it nor anything it depends on breaks a rule, as in
the compiled models that Coral publishes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.infer.runtimes.edgetpu import MODEL_FILE
from quantize.targets.op_support import Fault, cpu_faults, fault_lines
from quantize.targets.target import Target, Targets

if TYPE_CHECKING:
    from quantize.graph.read import Graph, Op

SHOWN_FAULTS = 3
"""Rules of the Edge TPU that `convert` names; `inspect` names all."""

MEMORY_BYTES = int(7.6 * 2**20)
"""8 MB on the chip less the compiler's own; its logs report 7.6 MiB for a model alone (coral.ai,
"Edge TPU compiler", parameter data caching)."""

COMPILER = "edgetpu_compiler"
MAPPED = "Mapped to Edge TPU"
LIMIT_S = 600
ROW = re.compile(r"^([A-Z][A-Z0-9_]+)\s+(\d+)\s+(\S.*)$")
INTEGERS = ("INT8", "UINT8", "INT32")
SOFTMAX_ELEMENTS = 16_000
RESIZE_FACTOR = 8
"""Enlarging by more than this stayed on the CPU in Coral's compiled DeepLab (1x1 to 33x33)."""

VERSIONS = {"FULLY_CONNECTED": 9, "CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "TRANSPOSE_CONV": 3}
"""Highest versions of the TensorFlow 2.5 that compiler 16 reads (its lite/kernels/register.cc)."""

OPERATORS = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED
L2_NORMALIZATION LOGISTIC UNIDIRECTIONAL_SEQUENCE_LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK
PAD PADV2 PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR
RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUEEZE STRIDED_SLICE SUB
SQUARED_DIFFERENCE SUM TANH TRANSPOSE TRANSPOSE_CONV
"""
SUPPORTED = frozenset(OPERATORS.split())


class Coral(Target):
    """A board whose network runs on an Edge TPU: integers only, and a second, compiled model."""

    @property
    def verdict(self) -> str:
        return "predicted to map whole"

    def faults(self, graph: Graph, resident_bytes: int = 0) -> list[Fault]:
        faults = cpu_faults(graph)
        known = {fault.op for fault in faults}
        predicted = predict(graph, resident_bytes).faults
        return faults + [fault for fault in predicted if fault.op not in known]

    def figures(self, graph: Graph, resident_bytes: int = 0) -> dict[str, object]:
        predicted = predict(graph, resident_bytes)
        return {
            "predicted_mapped": len(predicted.mapped),
            "mac_share": predicted.mac_share,
            "fits": predicted.fits,
        }

    def remarks(self, graph: Graph, resident_bytes: int = 0) -> list[str]:
        return [predict(graph, resident_bytes).sentence(graph)]

    def compile(self, model: bytes, say: Callable[[str], None]) -> dict[str, bytes]:
        from quantize.graph.read import parse_graph

        graph = parse_graph(model, "model.tflite")
        predicted = predict(graph)
        say(predicted.sentence(graph))
        for line in fault_lines(predicted.faults)[:SHOWN_FAULTS]:
            say(f"not mapped: {line}")
        if not has_compiler():
            say(f"{COMPILER} is not installed: the bundle runs on the CPU until it is compiled")
            return {}
        compiled, log = compile_model(model)
        mapped = sum(row.count for row in log if row.mapped)
        say(f"{COMPILER} mapped {mapped} of {sum(row.count for row in log)} operators")
        return {MODEL_FILE: compiled}


@dataclass(frozen=True)
class Prediction:
    """What the compiler is predicted to do. `mapped` holds indices of operators."""

    faults: list[Fault]
    mapped: list[int]
    mac_share: float
    parameter_bytes: int
    fits: bool

    @property
    def whole(self) -> bool:
        """Whether the whole network runs on the Edge TPU."""
        return not self.faults

    def sentence(self, graph: Graph) -> str:
        """How much of `graph` it is, for people."""
        return (
            f"predicted for the Edge TPU: {len(self.mapped)} of {len(graph.ops)} operators, "
            f"{self.mac_share:.0%} of the multiply-accumulates"
        )


def predict(graph: Graph, resident_bytes: int = 0) -> Prediction:
    """Predict for `graph` beside models that hold `resident_bytes` on the chip already."""
    faults = _model_faults(graph)
    mapped: list[int] = []
    if not faults:
        op_faults, mapped = _map_operators(graph)
        faults += op_faults
    total = max(1, graph.total_macs)
    share = sum(graph.macs(graph.ops[index]) for index in mapped) / total
    size = graph.parameter_bytes
    fits = size + resident_bytes <= MEMORY_BYTES
    if not fits:
        faults.append(
            Fault(
                "memory",
                f"{(size + resident_bytes) / 2**20:.1f} MiB of parameters, "
                f"{MEMORY_BYTES / 2**20:.1f} fit on the chip: the rest is streamed on every run",
            )
        )
    return Prediction(faults, mapped, share, size, fits)


def _map_operators(graph: Graph) -> tuple[list[Fault], list[int]]:
    faults: list[Fault] = []
    mapped: list[int] = []
    lost: set[int] = set()
    for op in graph.ops:
        own = [
            Fault(name, what, op.index)
            for name, rule in OP_RULES.items()
            if (what := rule(graph, op)) is not None
        ]
        faults += own
        if own or lost.intersection(op.inputs):
            lost.update(op.outputs)
        else:
            mapped.append(op.index)
    return faults, mapped


def _model_faults(graph: Graph) -> list[Fault]:
    faults = []
    if graph.subgraphs != 1:
        faults.append(Fault("one subgraph", f"{graph.subgraphs} subgraphs"))
    if any(op.name == "CUSTOM:edgetpu-custom-op" for op in graph.ops):
        faults.append(Fault("not compiled twice", "is compiled for Edge TPU already"))
    dynamic = [tensor for tensor in graph.tensors if any(size < 0 for size in tensor.shape)]
    if dynamic:
        faults.append(Fault("static shapes", f"{dynamic[0].name} is {dynamic[0].shape}"))
    for index in graph.inputs:
        tensor = graph.tensors[index]
        if len(tensor.shape) > 1 and tensor.shape[0] > 1:
            faults.append(Fault("batch of 1", f"input {tensor.name} is {tensor.shape}"))
    weights = [tensor for tensor in graph.tensors if tensor.constant and tensor.is_float]
    if weights and not any(tensor.scales for tensor in graph.tensors):
        faults.append(Fault("quantised", "a float network: convert it to int8 first"))
    return faults


def _supported(graph: Graph, op: Op) -> str | None:
    return None if op.name in SUPPORTED else f"{op.name} is not supported"


def _integer(graph: Graph, op: Op) -> str | None:
    """The LSTM's cell state alone may be INT16."""
    allowed = (*INTEGERS, "INT16") if op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM" else INTEGERS
    for index in (*op.inputs, *op.outputs):
        tensor = graph.tensors[index] if index >= 0 else None
        if tensor is not None and tensor.dtype not in allowed:
            return f"{op.name} works on {tensor.dtype} ({tensor.name})"
    return None


def _version(graph: Graph, op: Op) -> str | None:
    highest = VERSIONS.get(op.name)
    if highest is not None and op.version > highest:
        return f"{op.name} version {op.version}, the compiler reads {highest}"
    return None


def _rank(graph: Graph, op: Op) -> str | None:
    """Tensors are 1-, 2- or 3-D; of more dimensions only the innermost three exceed 1."""
    for index in op.outputs:
        shape = graph.tensors[index].shape
        if any(size > 1 for size in shape[:-3]):
            several = ": fit with tta_views = 1" if len(shape) == 4 else ""
            return f"{op.name} gives a tensor of shape {shape}{several}"
    return None


def _bare_pooling(graph: Graph, op: Op) -> str | None:
    pools = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION")
    if op.name in pools and op.options.get("fusedActivationFunction", 0):
        return f"{op.name} with a fused activation"
    return None


def _dilation(graph: Graph, op: Op) -> str | None:
    across, down = op.options.get("dilationWFactor", 1), op.options.get("dilationHFactor", 1)
    if op.name == "CONV_2D" and across != down:
        return f"CONV_2D dilated {down} x {across}: both must be equal"
    return None


def _dense_weights(graph: Graph, op: Op) -> str | None:
    if op.name != "FULLY_CONNECTED":
        return None
    weights = graph.constant(op, 1)
    if weights is None:
        return "FULLY_CONNECTED without constant weights"
    if len(weights.scales) > 1:
        return f"FULLY_CONNECTED with {len(weights.scales)} weight scales: one is taken"
    if op.options.get("weightsFormat", 0):
        return "FULLY_CONNECTED with shuffled weights"
    return None


def _constant_bias(graph: Graph, op: Op) -> str | None:
    if op.name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED") or len(op.inputs) < 3:
        return None
    free = op.inputs[2] >= 0 and graph.constant(op, 2) is None
    return f"{op.name} with a computed bias" if free else None


def _axes(graph: Graph, op: Op) -> str | None:
    """Reductions and padding stay within rows and columns."""
    if op.name in ("PAD", "PADV2"):
        pads = graph.constant(op, 1)
        table = _integers(pads.data, pads.dtype).reshape(-1, 2) if pads is not None else None
        if table is None:
            return f"{op.name} with computed widths"
        if len(table) == 4 and (table[0].any() or table[3].any()):
            return f"{op.name} along batch or channels"
    if op.name in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"):
        axes = graph.constant(op, 1)
        rank = len(graph.tensors[op.inputs[0]].shape)
        if axes is None or 0 in _integers(axes.data, axes.dtype) % max(1, rank):
            return f"{op.name} along the batch"
        if op.name == "MEAN" and rank - 1 in _integers(axes.data, axes.dtype) % max(1, rank):
            return "MEAN along channels"
    return None


def _softmax(graph: Graph, op: Op) -> str | None:
    if op.name != "SOFTMAX":
        return None
    shape = graph.tensors[op.inputs[0]].shape
    if any(size > 1 for size in shape[:-1]) or shape[-1] > SOFTMAX_ELEMENTS:
        return f"SOFTMAX over {shape}: one row of at most {SOFTMAX_ELEMENTS} elements"
    return None


def _resize(graph: Graph, op: Op) -> str | None:
    if op.name not in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        return None
    given, out = graph.tensors[op.inputs[0]].shape, graph.tensors[op.outputs[0]].shape
    if max(out[1] / given[1], out[2] / given[2]) > RESIZE_FACTOR:
        return f"{op.name} from {given[1]}x{given[2]} to {out[1]}x{out[2]}"
    return None


def _strides(graph: Graph, op: Op) -> str | None:
    if op.name != "STRIDED_SLICE":
        return None
    strides = graph.constant(op, 3)
    if strides is None or (_integers(strides.data, strides.dtype) != 1).any():
        return "STRIDED_SLICE with a stride other than 1"
    if op.options.get("ellipsisMask", 0) or op.options.get("newAxisMask", 0):
        return "STRIDED_SLICE with an ellipsis or a new axis"
    return None


def _alpha(graph: Graph, op: Op) -> str | None:
    if op.name != "PRELU":
        return None
    alpha = graph.constant(op, 1)
    if alpha is None or any(size > 1 for size in alpha.shape[:-1]):
        return "PRELU with a slope for each place: use shared_axes=[1, 2]"
    return None


def _integers(data: bytes, dtype: str) -> np.ndarray:
    return np.frombuffer(data, np.int64 if dtype == "INT64" else np.int32)


OP_RULES: dict[str, Callable[[Graph, Op], str | None]] = {
    "operator": _supported,
    "integers only": _integer,
    "operator version": _version,
    "three dimensions": _rank,
    "bare pooling": _bare_pooling,
    "equal dilation": _dilation,
    "one dense scale": _dense_weights,
    "constant bias": _constant_bias,
    "axes": _axes,
    "softmax": _softmax,
    "resize": _resize,
    "strides": _strides,
    "slope": _alpha,
}
"""Name -> rule: what is wrong with an operator, or None."""


@dataclass(frozen=True)
class LogRow:
    """So many operators of one kind, and what became of them."""

    operator: str
    count: int
    status: str

    @property
    def mapped(self) -> bool:
        """Whether they run on the Edge TPU."""
        return self.status == MAPPED


def parse_log(text: str) -> list[LogRow]:
    """The table "Operator Count Status" of a compiler's log (versions 2 to 16)."""
    rows = [ROW.match(line.strip()) for line in text.splitlines()]
    return [LogRow(row[1], int(row[2]), row[3].strip()) for row in rows if row]


def has_compiler() -> bool:
    """Whether edgetpu_compiler is on the PATH."""
    return shutil.which(COMPILER) is not None


def compile_model(model: bytes) -> tuple[bytes, list[LogRow]]:
    """The compiled model of `model` and its log; raises ConversionError where it fails."""
    with tempfile.TemporaryDirectory(prefix="lineside-edgetpu-") as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(model)
        done = subprocess.run(
            [COMPILER, "-s", "-o", name, str(folder / "model.tflite")],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        compiled = folder / "model_edgetpu.tflite"
        if done.returncode != 0 or not compiled.is_file():
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
            raise ConversionError(
                f"{COMPILER} fails ({last[0]})",
                where="model.tflite",
                cure="see what lineside-quantize inspect --target coral-usb refuses",
            )
        log = folder / "model_edgetpu.log"
        text = log.read_text() if log.is_file() else done.stdout
        return compiled.read_bytes(), parse_log(text)


def _row(name: str, title: str, latency_ms: float | None = None, source: str = "") -> Coral:
    return Coral(
        name,
        title,
        delegate="libedgetpu.so.1",
        variants=("int8",),
        per_tensor_dense=True,
        memory_bytes=MEMORY_BYTES,
        latency_ms=latency_ms,
        latency_source=source or "not measured",
    )


DRIVER = Targets(
    (
        _row(
            "coral-usb",
            "Coral USB accelerator",
            4.6,
            "published for a Raspberry Pi 4 host, not measured by us",
        ),
        _row("coral-dev", "Coral Dev Board"),
        _row("coral-m2", "Coral M.2 and Mini PCIe accelerators"),
    )
)
