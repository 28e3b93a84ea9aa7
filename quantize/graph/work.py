"""What one run of a graph does, in the kinds that a target's cost table knows."""

from __future__ import annotations

from edge_agent.contracts.model.target_cost import Work, total
from quantize.graph.read import Graph, Op

INT16_AS_FLOAT = 11
"""Float multiply-accumulates that take as long as one with int16 activations: LiteRT has no vector
kernels for these (`cnn` of 96 px on one core of an AMD EPYC: 26.1 ms against 2.3 ms).
"""


def work_of(graph: Graph) -> Work:
    """The multiply-accumulates of every kind, the operators, and what the others write."""
    return total(_work(graph, op) for op in graph.ops)


def _work(graph: Graph, op: Op) -> Work:
    macs = graph.macs(op)
    outputs = [graph.tensors[index] for index in op.outputs if index >= 0]
    is_float = any(tensor.is_float for tensor in outputs)
    if op.name == "RESHAPE" or (op.name == "DEQUANTIZE" and graph.constant(op, 0)):
        return Work()  # nothing moves, or weights are widened once, before the first run
    written = sum(tensor.elements for tensor in outputs) * (4 if is_float else 1)
    if not macs:
        return Work(operators=1, written_bytes=written)
    if is_float:
        return Work(float_macs=macs, operators=1)
    if any(tensor.dtype == "INT16" for tensor in outputs):
        return Work(float_macs=macs * INT16_AS_FLOAT, operators=1)
    if op.name == "DEPTHWISE_CONV_2D":
        return Work(depthwise_macs=macs, operators=1)
    return Work(convolution_macs=macs, operators=1)
