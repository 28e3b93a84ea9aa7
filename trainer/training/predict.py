"""Outputs of a network for many inputs, in batches that fit into memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from trainer.data.in_turn import in_turn
from trainer.training.float_runtime import FloatRuntime, Floats, float_runtime

if TYPE_CHECKING:
    import keras

BATCH_VALUES = 2_000_000
"""Input values that are judged at once: large images come a few at a time, for memory's sake."""

WORTH_CONVERTING = 50 * 224 * 224
"""Pixels from which on the seconds of a conversion to LiteRT are won back."""


@dataclass(frozen=True)
class _Latest:
    """network: which was converted; weights: their checksum; runtime: None where it cannot be."""

    network: ref[keras.Model]
    weights: int
    runtime: FloatRuntime | None


_latest: list[_Latest] = []
"""The network that was converted last."""


def predict(network: keras.Model, inputs: Tensor) -> NDArray[np.float32]:
    """The network's (first) output for every input: (N, K)."""
    batch = max(1, min(64, BATCH_VALUES // int(np.prod(inputs.shape[1:]))))
    rows = [given[0].reshape(len(given[0]), -1) for given in forward(network, inputs, batch)]
    return np.concatenate(rows)


def forward(network: keras.Model, inputs: Tensor, batch: int) -> Iterator[list[Floats]]:
    """Every output of the network, (B, ...) each, for `batch` inputs after the other.

    Many images are run by LiteRT, whose outputs differ by rounding (1e-5) from those of Keras.
    """
    runtime = _runtime_of(network) if _worth_converting(inputs) else None
    several = (inputs[start : start + batch] for start in range(0, len(inputs), batch))
    if runtime is None:
        yield from (in_keras(network, some) for some in several)
    else:
        # One thread, which starts the runtime's own: the next batch runs while the last is read.
        yield from in_turn(runtime, several, threads=1)


def in_keras(network: keras.Model, inputs: Tensor) -> list[Floats]:
    """Every output of the network for one batch of inputs."""
    outputs = network.predict_on_batch(inputs.astype(np.float32))
    several = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [np.asarray(one, np.float32) for one in several]


def _worth_converting(inputs: Tensor) -> bool:
    return inputs.ndim == 4 and int(np.prod(inputs.shape[:3])) >= WORTH_CONVERTING


def _runtime_of(network: keras.Model) -> FloatRuntime | None:
    """The network with the weights that it has now, converted once while it is the one asked for:
    the memory of a runtime is not Python's, whose collector would not hurry to free it.
    """
    now = 0
    for weights in network.get_weights():
        now = zlib.crc32(weights.tobytes(), now)
    if _latest and (_latest[0].network() is not network or _latest[0].weights != now):
        _latest.clear()
    if not _latest:
        _latest.append(_Latest(ref(network), now, float_runtime(network)))
    return _latest[0].runtime
