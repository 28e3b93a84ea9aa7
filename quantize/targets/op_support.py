"""What every CPU would refuse of a model, before anything is copied to a station."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.contracts.core.errors import ConversionError

if TYPE_CHECKING:
    from quantize.graph.read import Graph

MOST_DIMENSIONS = 4
"""XNNPACK and the Edge TPU compiler take tensors of up to four dimensions in int8 networks."""

EITHER_WAY = ("QUANTIZE", "DEQUANTIZE")
"""Operators between integers and floats."""


@dataclass(frozen=True)
class Fault:
    """A rule that an operator, or the whole model (`op` None), breaks."""

    rule: str
    what: str
    op: int | None = None


def fault_lines(faults: Sequence[Fault]) -> list[str]:
    """A line for each broken rule: the first operator that breaks it, and how many more do."""
    lines = []
    for rule in dict.fromkeys(fault.rule for fault in faults):
        of_rule = [fault.what for fault in faults if fault.rule == rule]
        more = f" (and {len(of_rule) - 1} more)" if len(of_rule) > 1 else ""
        lines.append(f"{rule}: {of_rule[0]}{more}")
    return lines


def refuse_unfit(graph: Graph, where: str) -> None:
    """Raise ConversionError for what no station runs."""
    faults = cpu_faults(graph)
    if faults:
        raise ConversionError(
            f"the converted model has a fault: {faults[0].what}",
            where=where,
            cure="replace that layer by built-in operators with fixed shapes",
        )


def cpu_faults(graph: Graph) -> list[Fault]:
    """Free sizes, custom operators, integers of more than four dimensions, floats in a network
    whose outputs are integers: where they are floats, the network ends in a float head. One of more
    dimensions runs in the runtime's reference kernels.
    """
    faults = []
    for index in graph.inputs:
        tensor = graph.tensors[index]
        # A free batch is one of 1 in every runtime: the interpreter allocates it so.
        if any(size < 0 for size in tensor.shape[1:]):
            faults.append(Fault("static shapes", f"input {tensor.name} is {tensor.shape}"))
    has_head = any(graph.tensors[index].is_float for index in graph.outputs)
    integer = not has_head and any(tensor.scales for tensor in graph.tensors)
    for op in graph.ops:
        if op.name.startswith("CUSTOM"):
            faults.append(Fault("built-in operators", f"operator {op.name}", op.index))
            continue
        tensors = [graph.tensors[index] for index in (*op.inputs, *op.outputs) if index >= 0]
        deep = [one for one in tensors if len(one.shape) > MOST_DIMENSIONS and not one.is_float]
        if deep:
            what = f"{op.name} works on {len(deep[0].shape)}-D tensor {deep[0].name}"
            faults.append(Fault("four dimensions", what, op.index))
        floats = [tensor for tensor in tensors if tensor.is_float]
        if integer and floats and op.name not in EITHER_WAY:
            what = f"{op.name} works on {floats[0].dtype} ({floats[0].name})"
            faults.append(Fault("integers only", what, op.index))
    return faults
