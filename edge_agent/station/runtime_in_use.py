"""What the state message says of the runtime that judges a channel."""

from __future__ import annotations

from typing import Protocol

from edge_agent.contracts.wire.kinds.state import MeasuredRuntime, RuntimeInUse
from edge_agent.contracts.wire.messages import wire_text
from edge_agent.infer.runtime import Runtime
from edge_agent.infer.timed import Timed


class Running(Protocol):
    """A network in its runtime, as infer/bundle_inspector loads it."""

    runtime: Runtime
    measured: tuple[Timed, ...]


def runtime_in_use(network: Running) -> RuntimeInUse:
    """The runtime at work, which an accelerator that failed has left to the CPU's; its rivals."""
    runtime = network.runtime
    rows = [_measured(row) for row in network.measured]
    return RuntimeInUse(name=runtime.name, version=runtime.version, measured=rows)


def _measured(row: Timed) -> MeasuredRuntime:
    if row.refused:
        return MeasuredRuntime(name=row.name, refused=wire_text(row.refused, 200))
    return MeasuredRuntime(name=row.name, ms=_figures(row.ms), ratio=_figures(row.ratio))


def _figures(value: float) -> float:
    """Three figures: more of them no measurement of so short a time has."""
    return float(f"{value:.3g}")
