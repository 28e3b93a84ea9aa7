"""What the cost table predicts of a model on the machine that timed it, and how far it may be off.

The table has a row for each target; a machine is known by its own name (bench.measure).
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.contracts.model.target_cost import find_cost
from quantize.graph.read import Graph
from quantize.graph.work import work_of

ROWS = (
    ("Raspberry Pi 5", "rpi5"),
    ("Raspberry Pi 4", "rpi4"),
    ("Compute Module 4", "rpi4"),
    ("Jetson", "jetson"),
    ("x86_64", "x86"),
    ("AMD64", "x86"),
)
"""Part of a machine's name -> the row of its processor; the first that fits counts."""


@dataclass(frozen=True)
class Prediction:
    """Milliseconds of one run on one thread by the row of `target`; the table's own error says that
    low_ms to high_ms may come out. source: where the row is from.
    """

    target: str
    ms: float
    low_ms: float
    high_ms: float
    source: str

    def sentence(self, measured_ms: float | None) -> str:
        """For people; measured_ms: the median on one thread, None where that was not timed."""
        text = (
            f"predicted for {self.target} on one thread: {self.ms:.3f} ms "
            f"({self.low_ms:.3f} to {self.high_ms:.3f} ms)"
        )
        if measured_ms is None:
            return f"{text}; not timed with one thread"
        inside = self.low_ms <= measured_ms <= self.high_ms
        place = "within" if inside else "outside"
        return f"{text}; measured {measured_ms / self.ms:.2f} times that, {place} the range"


def predict(graph: Graph, machine: str, target: str | None = None) -> Prediction | None:
    """Of a model on a machine of this name, or on `target`; None where the table has no row for it.

    By the table itself: what an earlier measurement scaled it by does not count.
    """
    target = target or next((target for name, target in ROWS if name in machine), None)
    if target is None:
        return None
    cost = find_cost(target)
    ms = cost.predict_ms(work_of(graph))
    return Prediction(target, ms, ms / cost.within, ms * cost.within, cost.source)
