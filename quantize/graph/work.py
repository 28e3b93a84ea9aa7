"""What one run of a graph does, in the kinds that a target's cost table knows."""

from __future__ import annotations

from edge_agent.contracts.model.target_cost import Work, total
from quantize.graph.read import Graph, Op


def work_of(graph: Graph) -> Work:
    """The multiply-accumulates of every kind, the operators, and what the others write."""
    return total(_work(graph, op) for op in graph.ops)


def _work(graph: Graph, op: Op) -> Work:
    macs = graph.macs(op)
    outputs = [graph.tensors[index] for index in op.outputs if index >= 0]
    is_float = any(tensor.is_float for tensor in outputs)
    written = sum(tensor.elements for tensor in outputs) * (4 if is_float else 1)
    if op.name == "RESHAPE":
        return Work()
    if not macs:
        return Work(operators=1, written_bytes=written)
    if is_float:
        return Work(float_macs=macs, operators=1)
    if op.name == "DEPTHWISE_CONV_2D":
        return Work(depthwise_macs=macs, operators=1)
    return Work(convolution_macs=macs, operators=1)
