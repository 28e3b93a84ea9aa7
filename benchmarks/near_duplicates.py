"""The search for copies: parts of one design stay apart, planted copies are found.

    python -m benchmarks.near_duplicates [DATA_DIR] [--count N]

The parts come from the simulated line: one design at every angle, under drifting light. With
DATA_DIR the groups found in three public sets are compared with what is known of them.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import Row, print_rows, say
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.decode import read_image
from edge_agent.simulator.scene import render
from trainer.data.image.picture_match import connect, find_near_duplicates, fingerprint
from trainer.statistics.metrics import share

COUNT, SEED, PLANTED = 1000, 11, 40
WIDTH_PX, HEIGHT_PX = 640, 480
MOST_MERGED, LEAST_FOUND = 0.01, 0.95

Groups = NDArray[np.int64]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.near_duplicates")
    parser.add_argument("data", type=Path, nargs="?", metavar="DATA_DIR")
    parser.add_argument("--count", type=int, default=COUNT, help=f"simulated parts ({COUNT})")
    arguments = parser.parse_args(argv)
    rows = simulated_rows(arguments.count, min(PLANTED, arguments.count))
    if arguments.data:
        rows += _known_groups(arguments.data / "casting", "group98")
        rows += _known_groups(arguments.data / "lens_flaws", "group")
        rows.append(_planted_in(arguments.data / "cookie"))
    print_rows(rows)
    return 0


def simulated_rows(count: int, planted: int) -> list[Row]:
    """`count` parts of one design, of which the first `planted` have a copy of each kind."""
    say(f"{count} parts of one design, {planted} copies of each of {len(COPIES)} kinds")
    groups = _groups(_with_copies(count, planted))
    owners: dict[int, set[int]] = defaultdict(set)
    for place in range(count):
        owners[int(groups[place])].add(place)
    merged = sum(len(owners[int(groups[place])]) > 1 for place in range(count))
    figure = share(merged, count)
    name = "simulated parts of one design merged with another part"
    rows = [Row(name, figure.value, "lower", "", count, figure.ci95, reach=MOST_MERGED)]
    for order, kind in enumerate(COPIES):
        first = count + order * planted
        figure = share(int((groups[first : first + planted] == groups[:planted]).sum()), planted)
        name = f"simulated copies found, {kind}"
        rows.append(Row(name, figure.value, "higher", "", planted, figure.ci95, reach=LEAST_FOUND))
    return rows


def turned(image: Image, degrees: float) -> Image:
    """Turned about its middle; what comes in from outside mirrors the rim."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    turn = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(turn, np.uint8)


def cropped(image: Image) -> Image:
    """90 % of width and height, not from the middle."""
    height, width = image.shape[:2]
    top, left = round(0.06 * height), round(0.04 * width)
    return np.ascontiguousarray(image[top : top + height * 9 // 10, left : left + width * 9 // 10])


def brighter(image: Image) -> Image:
    """A tenth more light and a raised black."""
    return np.asarray(np.clip(image * 1.1 + 8, 0, 255), np.uint8)


def recompressed(image: Image) -> Image:
    """Through JPEG at quality 50."""
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 50])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


COPIES: dict[str, Callable[[Image], Image]] = {
    "quarter turn": lambda image: np.ascontiguousarray(np.rot90(image)),
    "turned by 137 degrees": lambda image: turned(image, 137),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "cropped to 90 %": cropped,
    "brighter": brighter,
    "JPEG at quality 50": recompressed,
}


def _with_copies(count: int, planted: int) -> Iterator[Image]:
    for k in range(count):
        yield render(SEED, k, WIDTH_PX, HEIGHT_PX)
    for copy in COPIES.values():
        for k in range(planted):
            yield copy(render(SEED, k, WIDTH_PX, HEIGHT_PX))


def _groups(images: Iterator[Image]) -> Groups:
    prints = fingerprint(images)
    return connect(len(prints), find_near_duplicates(prints))


def _known_groups(root: Path, column: str) -> list[Row]:
    """How the groups of a set's own table are met, and how many groups mix good with bad."""
    with (root / "groups.csv").open(newline="") as table:
        known = list(csv.DictReader(table))
    say(f"{root.name}: {len(known)} images")
    groups = _groups(read_image(root / row["path"]) for row in known)
    one = np.array([row[column] for row in known])
    pairs = np.triu(one[:, None] == one[None, :], 1)
    together = groups[:, None] == groups[None, :]
    labels: dict[int, set[str]] = defaultdict(set)
    for group, row in zip(groups.tolist(), known, strict=True):
        labels[group].add(row["label"])
    mixed = sum(len(found) > 1 for found in labels.values())
    met = share(int((pairs & together).sum()), int(pairs.sum()))
    name = f"{root.name}: pairs of {column} in one group"
    return [
        Row(name, met.value, "higher", "", int(pairs.sum()), met.ci95),
        Row(f"{root.name}: groups that mix labels", mixed, "lower", "", len(labels)),
        Row(f"{root.name}: largest group", int(np.bincount(groups).max()), "lower", "images"),
    ]


def _planted_in(root: Path) -> Row:
    """Copies of every kind of the set's first photographs, among all of them."""
    paths = sorted(path for path in root.rglob("*.jpg") if "ground_truth" not in path.parts)
    images = [read_image(path) for path in paths]
    planted = [copy(image) for copy in COPIES.values() for image in images[:8]]
    groups = _groups(iter(images + planted))
    sources = np.tile(groups[:8], len(COPIES))
    figure = share(int((groups[len(images) :] == sources).sum()), len(planted))
    return Row(f"{root.name}: copies found", figure.value, "higher", "", len(planted), figure.ci95)


if __name__ == "__main__":
    raise SystemExit(main())
