"""Biases corrected so that every layer's mean output in int8 is that of the float network.

Rounded weights shift the mean of a channel, and the shifts of fifty layers add up: on a transferred
MobileNetV2 they were most of what int8 took. Layer by layer, from the input on, the difference of
the means over a few calibration samples goes into the integer bias (Nagel et al., Data-Free
Quantization Through Weight Equalization and Bias Correction, ICCV 2019, section 4.2, empirical).
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.flatbuffer import packed
from edge_agent.contracts.model.parallel_runs import ParallelRuns
from edge_agent.contracts.model.scoring import dequantise, quantise
from quantize.graph.profile import prefix
from quantize.graph.read import Graph, Op, parse_graph

SAMPLES, FEWEST = 24, 6
"""On so many the means are taken, and on as many others the result is judged; on fewer, but not
fewer than FEWEST, where the samples are large: more places then tell a channel's mean.
"""

VALUES = 10 * 320 * 320 * 3
"""Values of all samples together from which on there are fewer."""

LINEAR = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
Means = NDArray[np.float64]
MeanOf = Callable[[bytes, Tensor], Means]


@dataclass(frozen=True)
class Corrected:
    """The better of the two models, and the root mean square error of the first output, in parts
    of the float output's own spread, before and after.
    """

    model: bytes
    before: float
    after: float

    @property
    def kept(self) -> bool:
        """Whether the correction made it better."""
        return self.after < self.before


def correct_biases(
    model: bytes, reference: bytes, samples: Tensor, mean_of: MeanOf | None = None
) -> Corrected:
    """`model` (int8) with corrected biases, or as it was where they make it no better.

    reference: the float network as .tflite, its tensors named alike. samples: float32 (N, *shape),
    as the float network takes them; with fewer than two there is nothing to judge by. mean_of:
    measures the mean of each channel of a model's output, by default int8_mean.
    """
    if len(samples) < 2:
        return Corrected(model, 0.0, 0.0)
    most = max(FEWEST, min(SAMPLES, VALUES // max(1, samples[0].size)))
    some, others = samples[0::2][:most], samples[1::2][:most]
    graph = parse_graph(model, "model.tflite")
    tree = schema.ModelT.InitFromPackedBuf(model)
    layers = _layers(graph)
    means = _float_means(reference, [graph.tensors[op.outputs[0]].name for op in layers], some)
    for op in layers:
        name = graph.tensors[op.outputs[0]].name
        if name in means:
            mean = (mean_of or int8_mean)(prefix(packed(tree), op.index), some)
            _shift(tree, graph, op, means[name] - mean)
    corrected = packed(tree)
    name = graph.tensors[graph.outputs[0]].name
    expected = _outputs(reference, others, name)
    before, after = (_error(expected, _outputs(one, others, name)) for one in (model, corrected))
    return Corrected(corrected if after < before else model, before, after)


def _layers(graph: Graph) -> list[Op]:
    """Integer layers with a bias of their own, in the order of computation."""
    uses = Counter(index for op in graph.ops for index in op.inputs)
    return [
        op
        for op in graph.ops
        if op.name in LINEAR
        and graph.tensors[op.outputs[0]].dtype == "INT8"
        and (bias := graph.constant(op, 2)) is not None
        and bias.dtype == "INT32"
        and uses[bias.index] == 1
    ]


def _float_means(reference: bytes, names: list[str], samples: Tensor) -> dict[str, Means]:
    """Tensor name -> mean of each channel over samples and places, of those that are there."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Warning: Enabling .experimental_preserve")
        reader = Interpreter(
            model_content=reference, num_threads=1, experimental_preserve_all_tensors=True
        )
    reader.allocate_tensors()
    positions = {one["name"]: one["index"] for one in reader.get_tensor_details()}
    given = reader.get_input_details()[0]["index"]
    sums: dict[str, Means] = {name: np.zeros(()) for name in names if name in positions}
    for one in samples:
        reader.set_tensor(given, one[None])
        reader.invoke()
        for name in sums:
            sums[name] = sums[name] + _by_channel(reader.get_tensor(positions[name]))
    return {name: total / len(samples) for name, total in sums.items()}


def int8_mean(model: bytes, samples: Tensor) -> Means:
    """Mean of each channel of the first output over `samples`, in real values."""
    rows = [_by_channel(row) for row in _runs(model, samples)]
    return np.asarray(np.mean(rows, axis=0), np.float64)


def _shift(tree: schema.ModelT, graph: Graph, op: Op, apart: Means) -> None:
    """Add `apart` (real values, one for each channel) to the bias of `op`."""
    given, weights = (graph.tensors[index] for index in op.inputs[:2])
    step = np.asarray(weights.scales) * given.scales[0]
    tensor: Any = tree.subgraphs[0].tensors[op.inputs[2]]
    old = np.frombuffer(graph.tensors[op.inputs[2]].data, np.int32)
    limits = np.iinfo(np.int32)
    moved = np.clip(old + np.round(apart / step), limits.min, limits.max).astype(np.int32)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(moved.tobytes(), np.uint8)
    tree.buffers.append(buffer)
    tensor.buffer = len(tree.buffers) - 1


def _outputs(model: bytes, samples: Tensor, name: str) -> Tensor:
    return np.stack([row.reshape(-1) for row in _runs(model, samples, name)])


def _runs(model: bytes, samples: Tensor, name: str = "") -> list[Tensor]:
    """The output of that name, else the first, of each sample in real values."""
    runs = ParallelRuns(model)
    scale, zero_point = runs.given["quantization"]
    dtype = np.dtype(runs.given["dtype"]).name
    given = np.stack([quantise(one, scale, zero_point, dtype) for one in samples])
    names = [one["name"] for one in runs.outputs]
    place = names.index(name) if name in names else 0
    kind = runs.outputs[place]["quantization"]
    return [dequantise(row[place], *kind) for row in runs.run(given)]


def _by_channel(values: Tensor) -> Means:
    return np.asarray(values.reshape(-1, values.shape[-1]).mean(axis=0), np.float64)


def _error(expected: Tensor, actual: Tensor) -> float:
    spread = max(float(np.std(expected)), 1e-12)
    return float(np.sqrt(np.mean((actual - expected) ** 2))) / spread
