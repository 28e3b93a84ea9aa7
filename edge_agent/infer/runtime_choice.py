"""Which of a bundle's models runs: the compiled twin on an Edge TPU, or the CPU model."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge_agent.contracts.core.errors import BundleError, DeviceError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.bundle import EDGETPU_MODEL, Bundle
from edge_agent.contracts.model.manifest import TensorSpec
from edge_agent.infer.runtime import Runtime, open_accelerated, open_runtime

LOG = logging.getLogger("lineside.infer")
EDGETPU = "edgetpu"


class Fallback:
    """A model on the accelerator until that fails, then the CPU model until the bundle is closed.

    name, version: of the runtime that is in use now.
    """

    def __init__(self, first: Runtime, open_cpu: Callable[[], Runtime]) -> None:
        self._runtime = first
        self._open_cpu: Callable[[], Runtime] | None = open_cpu
        self.name, self.version = first.name, first.version
        self.inputs: list[TensorSpec] = first.inputs
        self.outputs: list[TensorSpec] = first.outputs

    def invoke(self, tensors: list[Tensor]) -> list[Tensor]:
        try:
            return self._runtime.invoke(tensors)
        except DeviceError as error:
            if self._open_cpu is None:
                raise
            self._turn_to_cpu(self._open_cpu)
            LOG.warning("%s; the CPU model goes on", error)
        return self._runtime.invoke(tensors)

    def close(self) -> None:
        self._open_cpu = None
        self._runtime.close()

    def _turn_to_cpu(self, open_cpu: Callable[[], Runtime]) -> None:
        """Open first: where that fails, the next part tries it again."""
        dead, self._runtime = self._runtime, open_cpu()
        dead.close()
        self._open_cpu = None
        self.name, self.version = self._runtime.name, self._runtime.version


def open_bundle(bundle: Bundle, prefer: str = "auto", threads: int = 1) -> Runtime:
    """The bundle's model in the runtime `prefer`.

    `auto` takes the Edge TPU where the bundle carries a compiled twin and the accelerator answers,
    else the CPU, with a line in the log; `edgetpu` insists on it when the bundle is loaded. Either
    goes on with the CPU model when the accelerator fails later. Raises as open_runtime does, and
    DeviceError where `edgetpu` is asked for and is absent.
    """
    twin = bundle.files.get(EDGETPU_MODEL)
    if prefer not in ("auto", EDGETPU) or (prefer == "auto" and twin is None):
        return open_runtime(bundle.model, prefer, threads)
    if twin is None:
        raise BundleError(
            "has no model compiled for Edge TPU",
            where=bundle.title,
            cure="convert it for a coral-* target where edgetpu_compiler is installed",
        )

    def open_cpu() -> Runtime:
        return open_runtime(bundle.model, "auto", threads)

    try:
        return Fallback(open_accelerated(twin, threads), open_cpu)
    except (DeviceError, BundleError) as error:
        if prefer == EDGETPU:
            raise
        LOG.warning("%s runs on the CPU: %s", bundle.title, error)
        return open_cpu()
