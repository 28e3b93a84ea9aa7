"""What a target is; a file of this folder holds everything of its own targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from edge_agent.contracts.model.cost_calibration import station_cost
from edge_agent.contracts.model.target_cost import TargetCost
from quantize.convert.variants import LADDER, Variant
from quantize.targets.op_support import Fault, cpu_faults

if TYPE_CHECKING:
    from quantize.graph.read import Graph


@dataclass(frozen=True)
class Target:
    """A board, and how a model is made for it. This class is a CPU; an accelerator overrides it.

    image_input, signal_input, output: dtypes of the tensors. per_tensor_dense: dense weights with
    one scale. memory_bytes: on-chip parameter memory, 0 where there is no such limit.
    latency_ms: of MobileNetV2-1.0-224 int8, from `latency_source`. variants: worth trying, in turn.
    """

    name: str
    title: str
    image_input: str = "uint8"
    signal_input: str = "int8"
    output: str = "int8"
    runtime: str = "litert>=2.0"
    threads: int = 1
    delegate: str = "XNNPACK"
    variants: tuple[Variant, ...] = LADDER
    per_tensor_dense: bool = False
    memory_bytes: int = 0
    latency_ms: float | None = None
    latency_source: str = "not measured"

    @property
    def cost(self) -> TargetCost:
        """What a run costs here, as `bench --calibrate` measured it where it did."""
        return station_cost(self.name)

    @property
    def verdict(self) -> str:
        """The words for a model that breaks no rule."""
        return "breaks no rule"

    def faults(self, graph: Graph, resident_bytes: int = 0) -> list[Fault]:
        """Everything in `graph` that this target does not run as it should.

        resident_bytes: parameters of other models on the same chip.
        """
        return cpu_faults(graph)

    def figures(self, graph: Graph, resident_bytes: int = 0) -> dict[str, object]:
        """What this target alone has to tell of `graph`, for --json."""
        return {}

    def remarks(self, graph: Graph, resident_bytes: int = 0) -> list[str]:
        """The same for people, a sentence each."""
        return []

    def compile(self, model: bytes, say: Callable[[str], None]) -> dict[str, bytes]:
        """Further files of the bundle that are made of the CPU model, by name.

        Raises ConversionError where the compiler fails.
        """
        return {}

    def document(self) -> dict[str, object]:
        """The row as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Targets:
    """The targets of one file."""

    rows: tuple[Target, ...]
