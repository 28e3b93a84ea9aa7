"""A .tflite network that judges many inputs on all processors at once, for the workshop."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np

from edge_agent.contracts.core.held_stderr import held_stderr
from edge_agent.contracts.core.types import Tensor


class ParallelRuns:
    """The network as often as there are processors: each input is run by one of them."""

    def __init__(self, payload: bytes) -> None:
        """Raises ValueError for bytes that are no model and RuntimeError for unknown operators."""
        from ai_edge_litert.interpreter import Interpreter

        with held_stderr(lambda line: line.startswith(b"INFO")):
            self._workers = [
                Interpreter(model_content=payload, num_threads=1) for _ in range(processors())
            ]
            for worker in self._workers:
                worker.allocate_tensors()
        self._turn = Lock()
        self.given = self._workers[0].get_input_details()[0]
        """The input, as LiteRT's get_input_details tells it."""
        self.outputs = self._workers[0].get_output_details()
        """The outputs, as LiteRT's get_output_details tells them."""

    def run(self, inputs: Tensor) -> list[list[Tensor]]:
        """For every input (N, ...), of the network's own type, its outputs with a batch axis.

        Two threads that ask at once are answered one after the other.
        """
        count = min(len(self._workers), len(inputs))
        rows: list[list[Tensor]] = [[] for _ in inputs]
        with self._turn, ThreadPoolExecutor(max(1, count)) as threads:
            shares = threads.map(lambda n: self._share(n, inputs[n::count]), range(count))
            for number, share in enumerate(shares):
                rows[number::count] = share
        return rows

    def batch(self, inputs: Tensor) -> list[Tensor]:
        """Each output for all inputs, (N, ...)."""
        rows = self.run(inputs)
        return [np.concatenate(column) for column in zip(*rows, strict=True)]

    def _share(self, number: int, inputs: Tensor) -> list[list[Tensor]]:
        worker, rows = self._workers[number], []
        for one in inputs:
            worker.set_tensor(self.given["index"], one[None])
            worker.invoke()
            rows.append([worker.get_tensor(output["index"]) for output in self.outputs])
        return rows


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))
