"""What a run costs on each target: the table by which workshop and quantiser predict milliseconds.

A network is counted as `Work`; a target's row turns that into the time of one thread. Only the row
of a machine that was at hand is measured; the others say what they are estimated from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.suggestion import did_you_mean


@dataclass(frozen=True)
class Work:
    """What one run of a network does.

    convolution_macs: int8 multiply-accumulates of convolutions and dense layers; depthwise_macs: of
    depthwise convolutions; float_macs: of layers that stay in float; operators: those that run;
    written_bytes: what operators without multiply-accumulates write (copies, sums, pooling).
    """

    convolution_macs: int = 0
    depthwise_macs: int = 0
    float_macs: int = 0
    operators: int = 0
    written_bytes: int = 0

    def amounts(self) -> tuple[float, float, float, float, float]:
        """In the units of a row: three times 1e9 multiply-accumulates, operators, megabytes."""
        return (
            self.convolution_macs / 1e9,
            self.depthwise_macs / 1e9,
            self.float_macs / 1e9,
            float(self.operators),
            self.written_bytes / 1e6,
        )


@dataclass(frozen=True)
class TargetCost:
    """One target's row, for one thread.

    convolution_ms, depthwise_ms, float_ms: of 1e9 multiply-accumulates; operator_ms: overhead of an
    operator; write_ms: of a megabyte; budget_ms: what a frame may take where nobody says more;
    within: predictions are at most this many times too short or too long; source: where it is from;
    calibrated: what a measurement scaled it by, empty where none did.
    """

    convolution_ms: float
    depthwise_ms: float
    float_ms: float
    operator_ms: float
    write_ms: float
    budget_ms: float
    within: float
    source: str
    calibrated: str = ""

    def predict_ms(self, work: Work) -> float:
        """Milliseconds of one run on one thread."""
        rates = (
            self.convolution_ms,
            self.depthwise_ms,
            self.float_ms,
            self.operator_ms,
            self.write_ms,
        )
        return sum(rate * amount for rate, amount in zip(rates, work.amounts(), strict=True))

    def slower(
        self, *, int8: float, real: float, budget_ms: float, within: float, source: str
    ) -> TargetCost:
        """The row of a target that takes `int8` times as long, and `real` times in float."""
        return TargetCost(
            convolution_ms=self.convolution_ms * int8,
            depthwise_ms=self.depthwise_ms * int8,
            float_ms=self.float_ms * real,
            operator_ms=self.operator_ms * int8,
            write_ms=self.write_ms * int8,
            budget_ms=budget_ms,
            within=within,
            source=source,
        )


def total(works: Iterable[Work]) -> Work:
    """The sum of several."""
    sums = {field.name: 0 for field in fields(Work)}
    for work in works:
        for name in sums:
            sums[name] += getattr(work, name)
    return Work(**sums)


def find_cost(target: str) -> TargetCost:
    """The row of a target; raises ConfigError that lists them."""
    if target not in TARGET_COSTS:
        raise ConfigError(
            f"no target {target!r}, {did_you_mean(target, TARGET_COSTS)}",
            where="--target",
            cure=f"choose one of {', '.join(TARGET_COSTS)}",
        )
    return TARGET_COSTS[target]


X86 = TargetCost(
    convolution_ms=12.4,
    depthwise_ms=6.2,
    float_ms=30,
    operator_ms=0.0017,
    write_ms=0.4,
    budget_ms=20,
    within=1.6,
    source="measured on an Intel Xeon with AVX-512, python -m benchmarks.costs; runs of less than "
    "0.2 ms are up to 2.2 times as long",
)
RPI4 = X86.slower(
    int8=14,
    real=16,
    budget_ms=100,
    within=2,
    source="estimated from 17 ms (int8) and 46 ms (float) published for MobileNetV2 on its four "
    "cores (XNNPACK, README of 2022)",
)
CORAL = TargetCost(
    convolution_ms=14,
    depthwise_ms=14,
    float_ms=RPI4.float_ms,
    operator_ms=0.004,
    write_ms=0.5,
    budget_ms=20,
    within=3,
    source="estimated from 4.6 ms published for MobileNetV2 beside a Raspberry Pi 4, which runs "
    "what stays in float",
)

TARGET_COSTS: Mapping[str, TargetCost] = {
    "x86": X86,
    "rpi4": RPI4,
    "rpi5": X86.slower(
        int8=3.3,
        real=3,
        budget_ms=40,
        within=3.5,
        source="estimated from 4.0 ms published for MobileNetV2, taken for its four cores",
    ),
    "jetson": X86.slower(
        int8=4.6,
        real=4,
        budget_ms=40,
        within=4,
        source="estimated from the Raspberry Pi 5's row by the clocks of their cores",
    ),
    "coral-usb": CORAL,
    "coral-dev": CORAL,
    "coral-m2": CORAL,
}
"""Target -> its row. The factors of rpi4 and rpi5 take one core for 0.3 of four."""
