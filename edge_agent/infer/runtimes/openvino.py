"""OpenVINO's CPU plugin, which reads .tflite itself; the integers of the processor where it can.

Processors without VNNI add pairs of 8-bit products in 16 bits, where these may saturate
(docs.openvino.ai, "Saturation (overflow) issue workaround"): outputs are then far from the
workshop's, and the parity vectors refuse the runtime. `openvino_float` has no such sums.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.manifest import TensorSpec
from edge_agent.infer.native_call import bounded, native_call
from edge_agent.infer.runtime import (
    Run,
    Runtime,
    RuntimeDriver,
    closed,
    installed_version,
    stated_tensors,
)

PACKAGE = "openvino"
EXTRA = "openvino"


class OpenVino:
    """A model in OpenVINO; inputs and outputs as the .tflite states them.

    OpenVINO keeps no scales and zero points, so LiteRT reads these from the file.
    """

    def __init__(
        self, name: str, model: bytes, threads: int, settings: Mapping[str, object] | None = None
    ) -> None:
        self.name, self.version = name, installed_version(PACKAGE)
        self.inputs, self.outputs = stated_tensors(_litert(), model)
        request = _compiled(model, threads, settings or {})
        _refuse_others("input", self.inputs, list(request.model_inputs))
        _refuse_others("output", self.outputs, list(request.model_outputs))
        self._run = _runner(request)

    def invoke(self, tensors: list[Tensor]) -> list[Tensor]:
        """Raises BundleError where the runtime cannot run the model, or it is closed."""
        try:
            return self._run(tensors)
        except RuntimeError as error:
            raise _refusal(f"cannot run it ({_last_line(error)})") from error

    def close(self) -> None:
        self._run = closed(self.name)


def load(model: bytes, threads: int) -> Runtime:
    """Load `model`; raises BundleError when OpenVINO refuses it, ImportError without OpenVINO."""
    return OpenVino("openvino", model, threads)


def _litert() -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter


def _compiled(model: bytes, threads: int, settings: Mapping[str, object]) -> Any:
    """A request of the compiled model. OpenVINO reads .tflite from files only.

    Pinned, the thread that calls would stay on one core for all its other work.
    """
    import openvino

    wanted = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
        **settings,
    }
    with tempfile.TemporaryDirectory(prefix="lineside-") as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model)
        try:
            with native_call():
                core = openvino.Core()
                compiled = core.compile_model(core.read_model(path), "CPU", wanted)
                return compiled.create_infer_request()
        except RuntimeError as error:
            raise _refusal(f"refuses it ({_last_line(error)})") from error


def _runner(request: Any) -> Run:
    """One run in tensors that the request keeps: inputs are copied in, outputs copied out.

    To make them anew for each run takes 10 us, as long as a small network.
    """
    given = [_own_tensor(request, port) for port in request.model_inputs]
    wanted = [_own_tensor(request, port) for port in request.model_outputs]
    infer = bounded(partial(request.infer, {}, share_outputs=True))

    def run(tensors: list[Tensor]) -> list[Tensor]:
        for place, (tensor, own) in enumerate(zip(tensors, given, strict=True)):
            if tensor.shape != own.shape or tensor.dtype != own.dtype:
                raise _refusal(f"cannot run it (input {place} is {tensor.dtype} {tensor.shape})")
            own[...] = tensor
        infer()
        return [own.copy() for own in wanted]

    return run


def _own_tensor(request: Any, port: Any) -> Tensor:
    """The memory of a tensor that the request reads or writes from now on."""
    import openvino

    tensor = openvino.Tensor(port.element_type, port.shape)
    request.set_tensor(port, tensor)
    own: Tensor = tensor.data
    return own


def _refuse_others(side: str, stated: list[TensorSpec], found: list[Any]) -> None:
    """Refuse a model that OpenVINO gives other tensors than its file states."""
    said = [(list(spec.shape), spec.dtype) for spec in stated]
    given = [_shape_and_dtype(one) for one in found]
    if said != given:
        raise _refusal(f"gives it {side}s {given}, the file states {said}")


def _shape_and_dtype(port: Any) -> tuple[list[int], str]:
    if port.partial_shape.is_dynamic:
        return [], "of a dynamic shape"
    return [int(size) for size in port.shape], str(port.element_type.to_dtype().name)


def _refusal(what: str) -> BundleError:
    return BundleError(f"OpenVINO {what}", where="model.tflite", cure="choose another runtime")


def _last_line(error: Exception) -> str:
    """Of a message that begins with the places in OpenVINO's source where it was raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


DRIVER = RuntimeDriver(
    name="openvino",
    title="OpenVINO",
    rank=2,
    packages=(PACKAGE,),
    extra=EXTRA,
    open=load,
    notes="The CPU plugin of OpenVINO, int8; for processors with VNNI.",
)
