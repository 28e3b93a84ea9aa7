"""What a TFLite runtime is to the station, and the choice of one."""

from __future__ import annotations

import importlib
import re
from typing import Any, Protocol

import numpy as np

from edge_agent.contracts.core.errors import BundleError, ConfigError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.manifest import TensorSpec
from edge_agent.infer.native_log import without_info_lines

ORDER = ("litert", "tflite_runtime")
"""The runtimes that `auto` tries, best first; each is the module of that name beside this one."""

EDGETPU_OP = b"edgetpu-custom-op"
"""The custom operator in every model that edgetpu_compiler wrote."""

DTYPES = {"uint8": np.uint8, "int8": np.int8, "int16": np.int16, "float32": np.float32}


class Runtime(Protocol):
    """One loaded model. `inputs` and `outputs` are what the runtime itself reports."""

    name: str
    version: str
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]

    def invoke(self, tensors: list[Tensor]) -> list[Tensor]:
        """Run once: one tensor for each input, batch axis included -> fresh copies of outputs."""
        ...

    def close(self) -> None:
        """Give the model's memory back; a second call does nothing."""
        ...


def open_runtime(model: bytes, prefer: str = "auto", threads: int = 1) -> Runtime:
    """Load `model` in the runtime `prefer`, or in the first one installed.

    A model that was compiled for Edge TPU runs there or nowhere. Raises ConfigError when no such
    runtime is there, BundleError when the model cannot run in it, DeviceError without Edge TPU.
    """
    if prefer == "edgetpu" or (prefer == "auto" and EDGETPU_OP in model):
        return open_accelerated(model, threads)
    if prefer != "auto" and prefer not in ORDER:
        raise ConfigError(
            f"no runtime {prefer!r}",
            where="runtime",
            cure=f"choose auto, {', '.join(ORDER)}, edgetpu",
        )
    if threads < 1:
        raise ConfigError(f"{threads} threads", where="runtime", cure="give 1 or more")
    for name in ORDER if prefer == "auto" else (prefer,):
        try:
            module = importlib.import_module(f"edge_agent.infer.runtimes.{name}")
        except ImportError:
            continue
        runtime: Runtime = module.load(model, threads)
        return runtime
    missing = "no TFLite runtime" if prefer == "auto" else f"no {prefer}"
    extra = "tflite" if prefer == "tflite_runtime" else "device"
    raise ConfigError(
        f"{missing} is installed",
        where="runtime",
        cure=f"install Lineside's wheel with its extra [{extra}]",
    )


def open_accelerated(model: bytes, threads: int = 1) -> Runtime:
    """Load a model compiled for Edge TPU; raises DeviceError where none answers."""
    try:
        module = importlib.import_module("edge_agent.infer.runtimes.edgetpu")
    except ImportError as error:
        raise ConfigError(
            "no TFLite runtime is installed",
            where="runtime",
            cure="install Lineside's wheel with its extra [device]",
        ) from error
    runtime: Runtime = module.load(model, threads)
    return runtime


class Interpreted:
    """A model in the Interpreter class that LiteRT and tflite-runtime share.

    Source: ai_edge_litert.interpreter.Interpreter, the same Python interface since TFLite 2.1.
    """

    def __init__(self, name: str, version: str, make: Any, model: bytes, threads: int) -> None:
        self.name = name
        self.version = version
        self._interpreter = _allocate(make, model, threads)
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        self.inputs = [tensor_spec(detail) for detail in inputs]
        self.outputs = [tensor_spec(detail) for detail in outputs]
        self._input_ids = [int(detail["index"]) for detail in inputs]
        self._output_ids = [int(detail["index"]) for detail in outputs]

    def invoke(self, tensors: list[Tensor]) -> list[Tensor]:
        interpreter = self._interpreter
        if interpreter is None:
            raise BundleError("the model is closed", where=self.name, cure="load the bundle again")
        for place, tensor in zip(self._input_ids, tensors, strict=True):
            interpreter.set_tensor(place, tensor)
        interpreter.invoke()
        return [interpreter.get_tensor(place) for place in self._output_ids]

    def close(self) -> None:
        self._interpreter = None


def tensor_spec(detail: dict[str, Any]) -> TensorSpec:
    """What the runtime reports of one input or output."""
    dtype = np.dtype(detail["dtype"]).name
    if dtype not in DTYPES:
        raise BundleError(
            f"tensor {detail['name']!r} is {dtype}",
            where="model.tflite",
            cure=f"use a model whose inputs and outputs are {', '.join(DTYPES)}",
        )
    scale, zero_point = detail["quantization"]
    shape = [int(size) for size in detail["shape"]]
    return TensorSpec(shape=shape, dtype=dtype, scale=float(scale), zero_point=int(zero_point))


def _allocate(make: Any, model: bytes, threads: int) -> Any:
    try:
        with without_info_lines():
            interpreter = make(model_content=model, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError, MemoryError) as error:
        raise _load_error(str(error)) from error
    return interpreter


def _load_error(text: str) -> BundleError:
    where = "model.tflite"
    custom = re.search(r"unresolved custom op: ([\w-]+)", text)
    if custom and custom[1] == "edgetpu-custom-op":
        return BundleError(
            "compiled for Edge TPU, and no Edge TPU delegate is in use",
            where=where,
            cure="use the CPU model it was compiled from, or a coral-* target",
        )
    if custom:
        return BundleError(
            f"uses the custom operator {custom[1]}",
            where=where,
            cure="convert a network of built-in operators only",
        )
    first = text.strip().splitlines()[0] if text.strip() else "no message"
    return BundleError(
        f"the runtime refuses it ({first})", where=where, cure="convert the run again"
    )
