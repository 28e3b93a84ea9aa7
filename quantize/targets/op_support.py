"""What a target would refuse of a model, before anything is copied to a station."""

from __future__ import annotations

from edge_agent.contracts.core.errors import ConversionError
from quantize.graph.read import Graph
from quantize.targets.edgetpu import Fault, predict
from quantize.targets.registry import Target

MOST_DIMENSIONS = 4
"""XNNPACK and the Edge TPU compiler take tensors of up to four dimensions in int8 networks."""

EITHER_WAY = ("QUANTIZE", "DEQUANTIZE")


def refusals(graph: Graph, target: Target, resident_bytes: int = 0) -> list[Fault]:
    """Everything in `graph` that `target` does not run as it should.

    resident_bytes: parameters of other models on the same chip.
    """
    faults = cpu_faults(graph)
    if target.rules == "edgetpu":
        known = {fault.op for fault in faults}
        faults += [
            fault for fault in predict(graph, resident_bytes).faults if fault.op not in known
        ]
    return faults


def refuse_unfit(graph: Graph, where: str) -> None:
    """Raise ConversionError for what no station runs.

    Floats are a fault only where the outputs are integers: a detector may end in a float head.
    """
    integer = not any(graph.tensors[place].is_float for place in graph.outputs)
    faults = [fault for fault in cpu_faults(graph) if integer or fault.rule != "integers only"]
    if faults:
        raise ConversionError(
            f"the converted model has a fault: {faults[0].what}",
            where=where,
            cure="replace that layer by built-in operators with fixed shapes",
        )


def cpu_faults(graph: Graph) -> list[Fault]:
    """Free sizes, custom operators, integers of more than four dimensions, floats in an integer
    network. A float head of more dimensions runs in the runtime's reference kernels.
    """
    faults = []
    for place in graph.inputs:
        tensor = graph.tensors[place]
        if any(size < 0 for size in tensor.shape):
            faults.append(Fault("static shapes", f"input {tensor.name} is {tensor.shape}"))
    quantised = any(tensor.scales for tensor in graph.tensors)
    for op in graph.ops:
        if op.name.startswith("CUSTOM"):
            faults.append(Fault("built-in operators", f"operator {op.name}", op.index))
            continue
        tensors = [graph.tensors[place] for place in (*op.inputs, *op.outputs) if place >= 0]
        deep = [one for one in tensors if len(one.shape) > MOST_DIMENSIONS and not one.is_float]
        if deep:
            what = f"{op.name} works on {len(deep[0].shape)}-D tensor {deep[0].name}"
            faults.append(Fault("four dimensions", what, op.index))
        floats = [tensor for tensor in tensors if tensor.is_float]
        if quantised and floats and op.name not in EITHER_WAY:
            what = f"{op.name} works on {floats[0].dtype} ({floats[0].name})"
            faults.append(Fault("integers only", what, op.index))
    return faults
