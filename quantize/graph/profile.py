"""Where a model's time goes, operator by operator.

The runtime's Python interface has no profiler, so the model is cut after each operator and the
medians of the growing prefixes are subtracted. Fused and reordered operators show up at the one
that completes them; a difference below zero is noise and counts as zero.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edge_agent.contracts.model.flatbuffer import packed
from quantize.graph.read import Graph


@dataclass(frozen=True)
class Slice:
    """One operator's share of a run."""

    op: int
    name: str
    ms: float


def profile(model: bytes, graph: Graph, runs: int = 50) -> list[Slice]:
    """Milliseconds of every operator on one thread."""
    slices, before = [], 0.0
    for op in graph.ops:
        until = _prefix_ms(model, op.index, runs)
        slices.append(Slice(op.index, op.name, max(0.0, until - before)))
        before = max(before, until)
    return slices


def prefix(model: bytes, last: int) -> bytes:
    """The model cut after operator `last`, whose outputs become the model's."""
    tree = schema.ModelT.InitFromPackedBuf(model)
    graph = tree.subgraphs[0]
    graph.operators = graph.operators[: last + 1]
    graph.outputs = graph.operators[last].outputs
    tree.signatureDefs = []
    return packed(tree)


def _prefix_ms(model: bytes, last: int, runs: int) -> float:
    interpreter = Interpreter(model_content=prefix(model, last), num_threads=1)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    interpreter.invoke()
    times = []
    for _ in range(runs):
        started = time.perf_counter_ns()
        interpreter.invoke()
        times.append((time.perf_counter_ns() - started) / 1e6)
    return statistics.median(times)
