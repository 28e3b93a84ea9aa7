"""Every input's outputs come back at its own place, whatever the number of processors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.model import parallel_runs
from edge_agent.contracts.model.parallel_runs import ParallelRuns

BRIGHTNESS = Path(__file__).parents[2] / "models" / "brightness.tflite"
"""Logits of "dark" and "bright", equal at a mean of 128."""


@pytest.mark.parametrize("processors", [1, 2, 5])
@pytest.mark.parametrize("inputs", [1, 2, 7])
def test_outputs_stand_in_the_order_of_the_inputs(
    processors: int, inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_runs, "processors", lambda: processors)
    levels = np.linspace(10, 240, inputs).round().astype(np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (inputs, 32, 32, 3)).copy()
    (logits,) = ParallelRuns(BRIGHTNESS.read_bytes()).batch(frames)
    assert logits.shape == (inputs, 2)
    assert (logits[:, 1] > logits[:, 0]).tolist() == (levels > 128).tolist()
    assert np.all(np.diff(logits[:, 1].astype(int)) >= 0)


def test_threads_that_ask_at_once_get_what_each_asked_for() -> None:
    runs = ParallelRuns(BRIGHTNESS.read_bytes())
    levels = np.arange(10, 240, 10, np.uint8)
    frames = [np.full((3, 32, 32, 3), level, np.uint8) for level in levels]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(runs.run, frames))
    for some, rows in zip(frames, found, strict=True):
        (logits,) = runs.batch(some)
        np.testing.assert_array_equal(np.concatenate([row[0] for row in rows]), logits)
