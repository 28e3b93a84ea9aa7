"""What a camera frame loses on its way to a network's input, and what that takes.

    python -m benchmarks.resizing [--count N]

Frames of the simulated line, 1280x960, are brought to 224x224 by OpenCV's means of areas (exact,
slow) and by the three methods that manifests name. Difference and time are per frame; accuracy is
that of a linear head on the pooled features of EfficientNet-Lite0, ten folds, every method judging
the frames that it resized itself. Time and difference are also those of wide frames, which are cut
from the same frame: 1280x720, and 1920x1080 after it was enlarged.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import Row, print_rows, say
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.resize import resize
from edge_agent.simulator.parts import truth
from edge_agent.simulator.scene import render
from trainer.console.tf_log import quiet_tensorflow
from trainer.models.image.backbone import Pretrained, load_backbone
from trainer.models.image.efficientnet_lite0 import NAME
from trainer.statistics.metrics import wilson

SEED, COUNT, FOLDS, SIDE_PX = 23, 400, 10, 224
RATE = 0.5
"""Share of parts with one of the four defects."""

WIDE = ((1280, 720), (1920, 1080))
"""Width and height of the other frames that are timed."""

ROUNDS = 200
REACH_MS = 0.6

METHODS: Mapping[str, Callable[[Image], Image]] = {
    "exact areas": lambda frame: np.asarray(
        cv2.resize(frame, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8
    ),
    "areas": lambda frame: resize(frame, SIDE_PX, SIDE_PX, "areas"),
    "halves": lambda frame: resize(frame, SIDE_PX, SIDE_PX, "halves"),
    "exact steps": lambda frame: resize(frame, SIDE_PX, SIDE_PX, "exact"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resizing")
    parser.add_argument("--count", type=int, default=COUNT, help=f"frames ({COUNT})")
    count = parser.parse_args(argv).count
    quiet_tensorflow()
    cv2.setNumThreads(1)
    say(f"{count} frames of the simulated line")
    sized: dict[str, list[Image]] = {name: [] for name in METHODS}
    for part in range(count):
        frame = render(SEED, part, defect_rate=RATE)
        for name, method in METHODS.items():
            sized[name].append(method(frame))
    labels = np.array([truth(SEED, part, RATE).label for part in range(count)])
    frame = render(SEED, 0)
    times = _times_ms(frame)
    rows: list[Row] = []
    for name, frames in sized.items():
        rows += _rows(name, np.stack(frames), np.stack(sized["exact areas"]), times[name], labels)
    for width, height in WIDE:
        rows += _wide_rows(_wide(frame, width, height))
    print_rows(rows)
    return 0


def _wide(frame: Image, width: int, height: int) -> Image:
    """The middle of the frame at that width."""
    full = width * frame.shape[0] // frame.shape[1]
    sized = np.asarray(cv2.resize(frame, (width, full), interpolation=cv2.INTER_LINEAR), np.uint8)
    top = (full - height) // 2
    return np.ascontiguousarray(sized[top : top + height])


def _wide_rows(frame: Image) -> list[Row]:
    height, width = frame.shape[:2]
    exact = METHODS["exact areas"](frame).astype(np.int16)
    rows: list[Row] = []
    for name, ms in _times_ms(frame).items():
        title = f"{width}x{height} to {SIDE_PX} by {name}:"
        apart = float(np.abs(METHODS[name](frame) - exact).mean())
        reach = REACH_MS if name == "exact steps" else None
        rows.append(Row(f"{title} processor time", ms, "lower", "ms", ROUNDS, reach=reach))
        rows.append(Row(f"{title} mean difference", apart, "lower", "levels", 1))
    return rows


def _rows(
    name: str,
    frames: NDArray[np.uint8],
    exact: NDArray[np.uint8],
    ms: float,
    labels: NDArray[np.str_],
) -> list[Row]:
    apart = np.abs(frames.astype(np.int16) - exact)
    right = _right(frames, labels)
    accuracy = wilson(right, len(labels))
    title, count = f"1280x960 to {SIDE_PX} by {name}:", len(frames)
    reach = REACH_MS if name == "exact steps" else None
    return [
        Row(f"{title} processor time", ms, "lower", "ms", ROUNDS, reach=reach),
        Row(f"{title} mean difference", float(apart.mean()), "lower", "levels", count),
        Row(f"{title} largest difference", float(apart.max()), "lower", "levels", count),
        Row(f"{title} accuracy", accuracy.value, "higher", "", count, accuracy.ci95),
    ]


def _times_ms(frame: Image) -> dict[str, float]:
    """Medians, the methods in turn so that they meet the same disturbances."""
    spent: dict[str, list[float]] = {name: [] for name in METHODS}
    for _ in range(ROUNDS):
        for name, method in METHODS.items():
            started = time.thread_time()
            method(frame)
            spent[name].append(time.thread_time() - started)
    return {name: 1000 * float(np.median(values)) for name, values in spent.items()}


def _right(frames: NDArray[np.uint8], labels: NDArray[np.str_]) -> int:
    """How many frames a head that did not see them names rightly."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = load_backbone(Pretrained(NAME, NAME), SIDE_PX)
    maps = network.predict(frames.astype(np.float32) / 127.5 - 1, verbose=0, batch_size=16)
    features = np.concatenate([maps.mean(axis=(1, 2)), maps.max(axis=(1, 2))], axis=1)
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    return int((cross_val_predict(head, features, labels, cv=FOLDS) == labels).sum())


if __name__ == "__main__":
    sys.exit(main())
