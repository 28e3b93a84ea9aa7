"""Which runtime runs a model: the table of runtimes, one file each in edge_agent/infer/runtimes."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge_agent.contracts.core.errors import BundleError, ConfigError, DeviceError
from edge_agent.contracts.core.registry import Registry
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.contracts.model.manifest import TensorSpec
from edge_agent.infer.runtime import Runtime, RuntimeDriver
from edge_agent.infer.runtime_names import AUTO, PACKAGE, runtime_names

LOG = logging.getLogger("lineside.infer")
RUNTIMES = Registry(PACKAGE, RuntimeDriver, noun="runtime")


def runtime_drivers() -> list[RuntimeDriver]:
    """All runtimes in the order in which `auto` tries them."""
    return sorted(RUNTIMES.rows().values(), key=lambda driver: driver.rank)


def cpu_runtime() -> str:
    """The runtime that `auto` takes for a CPU model; "auto" where none is installed."""
    fitting = (one.name for one in runtime_drivers() if not one.accelerator and one.available())
    return next(fitting, AUTO)


def find_runtime(name: str) -> RuntimeDriver:
    """Raises ConfigError that lists the runtimes."""
    try:
        return RUNTIMES.find(name)
    except ConfigError as error:
        cure = f"choose {', '.join(runtime_names())}"
        raise ConfigError(error.what, where="runtime", cure=cure) from error


class Fallback:
    """A model on an accelerator until that fails, then the CPU model until the bundle is closed.

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


def open_runtime(model: bytes, prefer: str = AUTO, threads: int = 1) -> Runtime:
    """Load `model` in the runtime `prefer`, or in the first one installed.

    A model that was compiled for an accelerator runs there or nowhere. Raises ConfigError when no
    such runtime is there, BundleError when the model cannot run in it, DeviceError without its
    accelerator.
    """
    if threads < 1:
        raise ConfigError(f"{threads} threads", where="runtime", cure="give 1 or more")
    if prefer != AUTO:
        driver = find_runtime(prefer)
        _refuse_compiled_for_another(model, driver)
        return _opened([driver], model, threads)
    drivers = runtime_drivers()
    for driver in drivers:
        if driver.accelerator and driver.custom_operator in model:
            return _opened([driver], model, threads)
    return _opened([driver for driver in drivers if not driver.accelerator], model, threads)


def open_bundle(bundle: Bundle, prefer: str = AUTO, threads: int = 1) -> Runtime:
    """The bundle's model in the runtime `prefer`.

    `auto` takes an accelerator where the bundle carries a model compiled for it and it answers,
    else the CPU, with a line in the log; an accelerator by name is insisted on when the bundle is
    loaded. Either goes on with the CPU model when the accelerator fails later. Raises as
    open_runtime does, and DeviceError where the accelerator that is asked for is absent.
    """

    def open_cpu() -> Runtime:
        return open_runtime(bundle.model, AUTO, threads)

    if prefer != AUTO:
        driver = find_runtime(prefer)
        if not driver.accelerator:
            return open_runtime(bundle.model, prefer, threads)
        return Fallback(_opened([driver], compiled_model(bundle, driver), threads), open_cpu)
    for driver in runtime_drivers():
        if not driver.accelerator or driver.model_file not in bundle.files:
            continue
        try:
            opened = _opened([driver], compiled_model(bundle, driver), threads)
            return Fallback(opened, open_cpu)
        except (DeviceError, BundleError) as error:
            LOG.warning("%s runs on the CPU: %s", bundle.title, error)
    return open_cpu()


def compiled_model(bundle: Bundle, driver: RuntimeDriver) -> bytes:
    """The bundle's model for that runtime; raises BundleError where it has none."""
    model = bundle.files.get(driver.model_file)
    if model is None:
        raise BundleError(
            f"has no model compiled for {driver.title}",
            where=bundle.title,
            cure=driver.convert_cure,
        )
    return model


def _opened(drivers: list[RuntimeDriver], model: bytes, threads: int) -> Runtime:
    """The model in the first of `drivers` that is installed."""
    for driver in drivers:
        try:
            return driver.open(model, threads)
        except ImportError:
            continue
    missing = drivers[0].name if len(drivers) == 1 else "TFLite runtime"
    raise ConfigError(
        f"no {missing} is installed",
        where="runtime",
        cure=f"install Lineside's wheel with its extra [{drivers[0].extra}]",
    )


def _refuse_compiled_for_another(model: bytes, chosen: RuntimeDriver) -> None:
    for driver in runtime_drivers():
        if driver.accelerator and driver != chosen and driver.custom_operator in model:
            raise BundleError(
                f"is compiled for {driver.title}",
                where="model",
                cure=f"give the CPU model it was compiled from, or --runtime {driver.name}",
            )
