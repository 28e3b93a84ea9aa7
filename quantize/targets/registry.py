"""The stations a network can be converted for: one row each, and nothing else knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_agent.contracts.core.errors import ConfigError

Rules = Literal["cpu", "edgetpu"]


@dataclass(frozen=True)
class Target:
    """What a station takes.

    image_input, signal_input, output: dtypes of the tensors. per_tensor_dense: dense weights with
    one scale, as the Edge TPU compiler wants them. memory_bytes: on-chip parameter memory, 0 where
    there is no such limit. latency_ms: of MobileNetV2-1.0-224 int8, from `latency_source`.
    """

    name: str
    title: str
    rules: Rules = "cpu"
    image_input: str = "uint8"
    signal_input: str = "int8"
    output: str = "int8"
    runtime: str = "litert>=2.0"
    threads: int = 1
    delegate: str = "XNNPACK"
    per_tensor_dense: bool = False
    memory_bytes: int = 0
    latency_ms: float | None = None
    latency_source: str = "not measured"


EDGETPU_BYTES = int(7.6 * 2**20)
"""8 MB of on-chip memory less what the compiler keeps for itself; a model alone on the chip is
reported with 7.6 MiB in the compiler's logs (coral.ai, "Edge TPU compiler", parameter data
caching)."""


def find_target(name: str) -> Target:
    """Raises ConfigError that lists the targets."""
    target = TARGETS.get(name)
    if target is None:
        raise ConfigError(
            f"no target {name!r}", where="--target", cure=f"choose one of {', '.join(TARGETS)}"
        )
    return target


def _coral(name: str, title: str, latency_ms: float | None, source: str) -> Target:
    return Target(
        name,
        title,
        rules="edgetpu",
        delegate="libedgetpu.so.1",
        per_tensor_dense=True,
        memory_bytes=EDGETPU_BYTES,
        latency_ms=latency_ms,
        latency_source=source,
    )


TARGETS = {
    target.name: target
    for target in (
        Target(
            "x86",
            "x86-64 PC",
            latency_ms=3.1,
            latency_source="one thread of a 2-core x86-64 virtual machine, benchmarks.quantize",
        ),
        Target("rpi4", "Raspberry Pi 4 and Compute Module 4, 64-bit"),
        Target(
            "rpi5",
            "Raspberry Pi 5 and Compute Module 5, 64-bit",
            latency_ms=4.0,
            latency_source="published for its CPU, not measured by us",
        ),
        Target("jetson", "NVIDIA Jetson, on its CPU"),
        _coral(
            "coral-usb",
            "Coral USB accelerator",
            4.6,
            "published for a Raspberry Pi 4 host, not measured by us",
        ),
        _coral("coral-dev", "Coral Dev Board", None, "not measured"),
        _coral("coral-m2", "Coral M.2 and Mini PCIe accelerators", None, "not measured"),
    )
}
"""Name -> target."""
