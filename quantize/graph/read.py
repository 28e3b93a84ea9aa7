"""A .tflite file as operators and tensors, read from the flatbuffer without running it."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from edge_agent.contracts.core.errors import BundleError

MAX_BYTES = 512 << 20
IDENTIFIER = b"TFL3"
"""File identifier at byte 4 (TensorFlow Lite schema.fbs)."""

LSTM_MATRICES = (*range(1, 9), 16)
"""Inputs of an LSTM that are multiplied at every step: input and recurrent weights of the four
gates, and the projection (TensorFlow Lite, kernels/lstm_shared.h)."""

CONVERT_AGAIN = "give a whole .tflite file"


@dataclass(frozen=True)
class TensorInfo:
    """One tensor. shape: -1 where the size is free; constant: its bytes lie in the file."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    constant: bool
    data: bytes = field(repr=False)

    @property
    def elements(self) -> int:
        """How many numbers it holds, a free size counted as 1."""
        return math.prod(max(1, size) for size in self.shape)

    @property
    def is_float(self) -> bool:
        """Whether it holds real numbers."""
        return self.dtype in ("FLOAT32", "FLOAT16", "FLOAT64", "BFLOAT16")


@dataclass(frozen=True)
class Op:
    """One operator; inputs and outputs are indices of tensors, -1 for an absent one."""

    index: int
    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, object] = field(repr=False)


@dataclass(frozen=True)
class Graph:
    """The first subgraph of a model; `subgraphs` counts them all."""

    tensors: list[TensorInfo]
    ops: list[Op]
    inputs: list[int]
    outputs: list[int]
    subgraphs: int
    size_bytes: int

    def constant(self, op: Op, position: int) -> TensorInfo | None:
        """The constant that `op` takes at `position`, or None."""
        if position >= len(op.inputs) or op.inputs[position] < 0:
            return None
        tensor = self.tensors[op.inputs[position]]
        return tensor if tensor.constant else None

    def macs(self, op: Op) -> int:
        """Multiply-accumulates of one run of `op`; 0 for operators that have none to speak of."""
        if op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
            steps = self.tensors[op.inputs[0]].elements // self.tensors[op.inputs[0]].shape[-1]
            matrices = [self.constant(op, index) for index in LSTM_MATRICES]
            return steps * sum(one.elements for one in matrices if one is not None)
        if op.name == "TRANSPOSE_CONV":
            weights, given = self.tensors[op.inputs[1]], self.tensors[op.inputs[2]]
            return weights.elements * given.elements // given.shape[-1]
        if op.name == "BATCH_MATMUL":
            return self.tensors[op.outputs[0]].elements * self.tensors[op.inputs[0]].shape[-1]
        if op.name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            return 0
        weights, out = self.tensors[op.inputs[1]], self.tensors[op.outputs[0]]
        return weights.elements * out.elements // out.shape[-1]

    @property
    def parameter_bytes(self) -> int:
        """Bytes of all constants."""
        return sum(len(tensor.data) for tensor in self.tensors if tensor.constant)

    @cached_property
    def total_macs(self) -> int:
        """Multiply-accumulates of one run."""
        return sum(self.macs(op) for op in self.ops)


def is_tflite(path: Path) -> bool:
    """Whether the name of a file is one of a bare model, and not of a bundle."""
    return path.suffix.lower() == ".tflite"


def read_graph(path: Path) -> Graph:
    """Raises BundleError that names the file and the cure."""
    if path.exists() and not path.is_file():
        raise BundleError("is no file", where=str(path), cure=CONVERT_AGAIN)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BundleError(
                f"{path.stat().st_size >> 20} MiB, at most {MAX_BYTES >> 20} are read",
                where=str(path),
                cure="no station runs it; train a smaller network",
            )
        return parse_graph(path.read_bytes(), str(path))
    except OSError as error:
        raise BundleError(
            f"cannot be read ({error.strerror})", where=str(path), cure="check the path"
        ) from error


def parse_graph(model: bytes, where: str) -> Graph:
    """Read the bytes of a .tflite file; raises BundleError for anything else."""
    if len(model) < 8 or model[4:8] != IDENTIFIER:
        raise BundleError("not a TFLite flatbuffer", where=where, cure=CONVERT_AGAIN)
    refuse_broken(model, where)
    try:
        tree = schema.ModelT.InitFromPackedBuf(model)
        first = tree.subgraphs[0]
        tensors = [_tensor(tree, index) for index in range(len(first.tensors))]
        ops = [_op(tree, index) for index in range(len(first.operators or []))]
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"damaged ({error})", where=where, cure=CONVERT_AGAIN) from error
    inputs, outputs = list(map(int, first.inputs)), list(map(int, first.outputs))
    return Graph(tensors, ops, inputs, outputs, len(tree.subgraphs), len(model))


def refuse_broken(model: bytes, where: str) -> None:
    """Raise BundleError unless the runtime's own verifier accepts the flatbuffer."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        Interpreter(model_content=model)
    except ValueError as error:
        if "Flatbuffer" in str(error) or "identifier" in str(error):
            raise BundleError("truncated or damaged", where=where, cure=CONVERT_AGAIN) from error
    except RuntimeError:
        return  # a whole file that this runtime cannot run may still be looked at


def _tensor(tree: schema.ModelT, index: int) -> TensorInfo:
    raw = tree.subgraphs[0].tensors[index]
    data = tree.buffers[raw.buffer].data
    packed = b"" if data is None else bytes(bytearray(data))
    shape = raw.shape if raw.shapeSignature is None else raw.shapeSignature
    quantised = raw.quantization
    scales = () if quantised is None or quantised.scale is None else quantised.scale
    zeros = () if quantised is None or quantised.zeroPoint is None else quantised.zeroPoint
    return TensorInfo(
        index=index,
        name=(raw.name or b"").decode(errors="replace"),
        shape=() if shape is None else tuple(int(size) for size in shape),
        dtype=DTYPES.get(raw.type, f"type {raw.type}"),
        scales=tuple(float(scale) for scale in scales),
        zero_points=tuple(int(zero) for zero in zeros),
        constant=bool(packed),
        data=packed,
    )


def _op(tree: schema.ModelT, index: int) -> Op:
    raw = tree.subgraphs[0].operators[index]
    code = tree.operatorCodes[raw.opcodeIndex]
    name = OPERATORS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "UNKNOWN")
    if code.customCode:
        name = f"CUSTOM:{code.customCode.decode(errors='replace')}"
    options = vars(raw.builtinOptions) if raw.builtinOptions is not None else {}
    inputs = () if raw.inputs is None else tuple(int(one) for one in raw.inputs)
    outputs = () if raw.outputs is None else tuple(int(one) for one in raw.outputs)
    return Op(index, name, int(code.version), inputs, outputs, options)


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


DTYPES = _names(schema.TensorType)
OPERATORS = _names(schema.BuiltinOperator)
