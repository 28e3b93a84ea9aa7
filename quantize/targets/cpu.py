"""Boards that run the network on their CPU."""

from __future__ import annotations

from quantize.targets.target import Target, Targets

DRIVER = Targets(
    (
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
    )
)
