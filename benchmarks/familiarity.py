"""The gate of familiarity on public sets: what strange images get, and what held-out parts get.

    python -m benchmarks.familiarity DATA_DIR

Each set's model is a linear head (for good parts alone a Mahalanobis distance) on the pooled
features of EfficientNet-Lite0: it says which strange images would have passed. The gate is the one
that every bundle carries, learnt on the same training and validation images.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import Row, print_rows, say
from edge_agent.contracts.core.types import Image, Tensor
from edge_agent.contracts.image.decode import read_image
from edge_agent.contracts.image.familiarity import Familiarity, image_statistics
from edge_agent.contracts.image.input import ImageInput
from trainer.config.fit import FitConfig
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset
from trainer.data.split import Split, plan_split
from trainer.models.image.backbone import Pretrained, load_backbone
from trainer.models.image.efficientnet_lite0 import NAME
from trainer.statistics.metrics import share
from trainer.thresholds.familiarity import fit_familiarity

SETS = ("casting", "neu_surface", "mvtec_bottle", "magnetic_tile")
SIDE_PX = 160
SPEC = ImageInput(width_px=SIDE_PX, height_px=SIDE_PX)
MOST_TRAIN, MOST_TEST, MOST_STRANGE = 700, 400, 60
DEFOCUS_PX = (2, 4, 8)
"""Sigma in pixels of the picture as it lies in the set."""

Passes = Callable[[list[Tensor]], NDArray[np.bool_]]
"""Prepared images -> which of them the model passes (for sorting by class: gives any label)."""


@dataclass(frozen=True)
class Bench:
    """One set: its gate, its model, and its held-out pictures."""

    name: str
    gate: Familiarity
    passes: Passes
    good: list[str]
    held_good: list[Image]
    held_bad: list[Image]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure all sets and print the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.familiarity")
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--only", action="append", choices=SETS)
    parser.add_argument("--quick", action="store_true", help="a smoke run: few images")
    arguments = parser.parse_args(argv)
    scale = 10 if arguments.quick else 1
    others = {name: _some_images(arguments.data / name, 20) for name in SETS}
    rows: list[Row] = []
    for name in arguments.only or SETS:
        say(f"{name}: learning the gate")
        rows += _rows(_bench(arguments.data / name, scale), others)
    print_rows(rows)
    return 0


def _bench(root: Path, scale: int) -> Bench:
    dataset = load_dataset(root)
    split = plan_split(dataset, FitConfig())
    learn = _evenly(np.concatenate([split.train, split.val]), MOST_TRAIN // scale)
    images = [_image(dataset, sample) for sample in learn]
    prepared = [SPEC.prepare(image) for image in images]
    labels, groups = [dataset.samples[int(n)].label for n in learn], dataset.groups()
    rows = np.array([image_statistics(tiles) for tiles in prepared])
    good = dataset.good or dataset.labels
    gate = fit_familiarity(rows, labels, [groups[int(n)] for n in learn], good)
    say(f"{root.name}: {gate.chosen_by}")
    held_good, held_bad = _held_out(dataset, split, good, MOST_TEST // scale)
    return Bench(root.name, gate, _model(prepared, labels, good), good, held_good, held_bad)


def _held_out(
    dataset: Dataset, split: Split, good: list[str], most: int
) -> tuple[list[Image], list[Image]]:
    is_good = np.array([dataset.samples[int(n)].label in good for n in split.test])
    sides = [_evenly(split.test[chosen], most) for chosen in (is_good, ~is_good)]
    one, other = ([_image(dataset, sample) for sample in side] for side in sides)
    return one, other


def _model(prepared: list[Tensor], labels: list[str], good: list[str]) -> Passes:
    """A linear head, or for one label a distance, on pooled features of the backbone."""
    from sklearn.covariance import LedoitWolf
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = load_backbone(Pretrained(NAME, NAME), SIDE_PX)

    def features(tiles: list[Tensor]) -> NDArray[np.float64]:
        batch = np.concatenate(tiles).astype(np.float32) / 127.5 - 1
        maps = network.predict(batch, verbose=0, batch_size=16)
        return np.asarray(maps.mean(axis=(1, 2)), np.float64)

    known = features(prepared)
    if len(set(labels)) == 1:
        normal = LedoitWolf().fit(known)
        limit = np.quantile(normal.mahalanobis(known), 0.99)
        return lambda tiles: np.asarray(normal.mahalanobis(features(tiles)) <= limit)
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    head.fit(known, labels)
    return lambda tiles: np.isin(head.predict(features(tiles)), good)


def _rows(bench: Bench, others: dict[str, list[Image]]) -> list[Row]:
    held = _evenly_of(bench.held_good + bench.held_bad, MOST_STRANGE)
    bad = _evenly_of(bench.held_bad or bench.held_good, MOST_STRANGE)
    rng = np.random.default_rng(0)
    strange = {
        f"defocus {sigma} px, bad parts": [_blurred(image, sigma) for image in bad]
        for sigma in DEFOCUS_PX
    }
    strange |= {
        "white noise": [rng.integers(0, 256, held[0].shape, np.uint8) for _ in range(30)],
        "no part": [np.full_like(held[0], level) for level in range(5, 250, 10)],
    }
    strange |= {f"parts of {o}": images for o, images in others.items() if o != bench.name}
    rows = [_false_alarms(bench)]
    for name, images in strange.items():
        rows += _refused(bench, name, images)
    return rows


def _false_alarms(bench: Bench) -> Row:
    faults = [bench.gate.fault(SPEC.prepare(image), bench.good) for image in bench.held_good]
    refused = sum(map(bool, faults))
    figure = share(refused, len(faults))
    title = f"{bench.name} false alarms on held-out good parts"
    return Row(title, round(figure.value, 4), "lower", "", len(faults), figure.ci95, reach=0.005)


def _refused(bench: Bench, name: str, images: list[Image]) -> list[Row]:
    """The share of images that the gate refuses as good, and of those that the model passes."""
    prepared = [SPEC.prepare(image) for image in images]
    refused = np.array([bool(bench.gate.fault(tiles, bench.good)) for tiles in prepared])
    passed = bench.passes(prepared)
    figure, left = share(int(refused.sum()), len(images)), int((passed & ~refused).sum())
    before = float(passed.mean())
    title = f"{bench.name} {name}"
    return [
        Row(f"{title}: refused", round(figure.value, 4), "higher", "", len(images), figure.ci95),
        Row(f"{title}: passed without gate", round(before, 4), "lower", "", len(images)),
        Row(f"{title}: passed with gate", round(left / len(images), 4), "lower", "", len(images)),
    ]


def _some_images(root: Path, most: int) -> list[Image]:
    dataset = load_dataset(root)
    return [_image(dataset, n) for n in _evenly(np.arange(len(dataset.samples)), most)]


def _image(dataset: Dataset, sample: int | np.integer) -> Image:
    return read_image(dataset.file(int(sample)))


def _blurred(image: Image, sigma_px: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)


def _evenly(indices: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    if len(indices) <= most:
        return indices
    return np.asarray(indices[np.linspace(0, len(indices) - 1, most).round().astype(int)])


def _evenly_of(images: list[Image], most: int) -> list[Image]:
    return [images[int(n)] for n in _evenly(np.arange(len(images)), most)]


if __name__ == "__main__":
    sys.exit(main())
