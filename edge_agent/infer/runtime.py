"""What a TFLite runtime is to the station, and what the runtimes share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol, TypeAlias

import numpy as np

from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.core.held_stderr import held_stderr
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.bundle import MODEL
from edge_agent.contracts.model.manifest import TensorSpec
from edge_agent.infer.native_call import bounded, native_call

Run: TypeAlias = Callable[[list[Tensor]], list[Tensor]]
"""One tensor for each input, batch axis included -> fresh copies of the outputs."""

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


@dataclass(frozen=True)
class RuntimeDriver:
    """One runtime: what `auto` must know before it is opened, and how it is opened.

    rank: `auto` tries the lowest first. packages: distributions, any of which it needs.
    model_file: the file of the bundle that it runs. custom_operator: what only its models hold,
    empty for the runtimes of the CPU. extra: of Lineside's wheel, which installs it.
    convert_cure: how a bundle comes by `model_file`. notes: for the reference page.
    """

    name: str
    title: str
    rank: int
    packages: tuple[str, ...]
    extra: str
    open: Callable[[bytes, int], Runtime]
    model_file: str = MODEL
    custom_operator: bytes = b""
    convert_cure: str = ""
    notes: str = ""

    @property
    def accelerator(self) -> bool:
        """Whether it runs a model of its own instead of the CPU model."""
        return self.model_file != MODEL

    def available(self) -> bool:
        """Whether its Python package is installed; an accelerator may still be unplugged."""
        return bool(self.installed())

    def installed(self) -> list[str]:
        """Its installed packages, each with its version."""
        found = ((one, installed_version(one)) for one in self.packages)
        return [f"{name} {number}" for name, number in found if number]


class Interpreted:
    """A model in the Interpreter class that LiteRT and tflite-runtime share.

    package: the distribution whose version counts. Source:
    ai_edge_litert.interpreter.Interpreter, the same Python interface since TFLite 2.1.
    """

    def __init__(self, name: str, package: str, make: Any, model: bytes, threads: int) -> None:
        self.name = name
        self.version = version(package)
        interpreter, inputs, outputs = _allocate(make, model, threads)
        self.inputs = [tensor_spec(detail) for detail in inputs]
        self.outputs = [tensor_spec(detail) for detail in outputs]
        places = [[int(detail["index"]) for detail in side] for side in (inputs, outputs)]
        self._run = _runner(interpreter, *places)

    def invoke(self, tensors: list[Tensor]) -> list[Tensor]:
        """Raises BundleError where the runtime cannot run the model, or it is closed."""
        try:
            return self._run(tensors)
        except (ValueError, RuntimeError) as error:
            raise BundleError(
                f"the runtime cannot run it ({_first_line(error)})",
                where="model.tflite",
                cure="convert the run again",
            ) from error

    def close(self) -> None:
        self._run = closed(self.name)


def closed(name: str) -> Run:
    """What a runtime runs when its model is closed: raises BundleError."""

    def refuse(_: list[Tensor]) -> list[Tensor]:
        raise BundleError("the model is closed", where=name, cure="load the bundle again")

    return refuse


def installed_version(distribution: str) -> str:
    """Empty where it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def stated_tensors(make: Any, model: bytes) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Inputs and outputs as the .tflite states them, read by an Interpreter class.

    Raises BundleError where that cannot read the file.
    """
    try:
        with held_stderr(_is_info), native_call():
            reader = make(model_content=model)
        inputs, outputs = reader.get_input_details(), reader.get_output_details()
    except (ValueError, RuntimeError, MemoryError) as error:
        raise _load_error(error) from error
    return [tensor_spec(one) for one in inputs], [tensor_spec(one) for one in outputs]


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


def _runner(interpreter: Any, inputs: list[int], outputs: list[int]) -> Run:
    """One run with the least of Python around it: a network of a few weights takes 1 us itself."""
    set_tensor, get_tensor = interpreter.set_tensor, interpreter.get_tensor
    invoke = bounded(interpreter.invoke)
    if len(inputs) == len(outputs) == 1:
        given, wanted = inputs[0], outputs[0]

        def run_single(tensors: list[Tensor]) -> list[Tensor]:
            (tensor,) = tensors
            set_tensor(given, tensor)
            invoke()
            return [get_tensor(wanted)]

        return run_single

    def run(tensors: list[Tensor]) -> list[Tensor]:
        for place, tensor in zip(inputs, tensors, strict=True):
            set_tensor(place, tensor)
        invoke()
        return [get_tensor(place) for place in outputs]

    return run


def _allocate(
    make: Any, model: bytes, threads: int
) -> tuple[Any, list[dict[str, Any]], list[dict[str, Any]]]:
    """The interpreter, and what it says of inputs and outputs; a name in them may be no text."""
    try:
        with held_stderr(_is_info), native_call():
            interpreter = make(model_content=model, num_threads=threads)
            interpreter.allocate_tensors()
        return interpreter, interpreter.get_input_details(), interpreter.get_output_details()
    except (ValueError, RuntimeError, MemoryError) as error:
        raise _load_error(error) from error


def _is_info(line: bytes) -> bool:
    return line.startswith(b"INFO")


def _load_error(error: Exception) -> BundleError:
    text, where = str(error), "model.tflite"
    custom = re.search(r"unresolved custom op: ([\w-]+)", text)
    if custom:
        return BundleError(
            f"uses the custom operator {custom[1]}",
            where=where,
            cure="convert a network of built-in operators only",
        )
    return BundleError(
        f"the runtime refuses it ({_first_line(error)})", where=where, cure="convert the run again"
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "no message")
