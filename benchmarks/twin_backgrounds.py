"""A set of the simulated line with things beside the part that no training picture shows.

    python -m benchmarks.twin_backgrounds FOLDER

Parts at any angle, good or defective, in the middle of a plain table (every second lot: split
train, of which the good ones are learnt); the others (split test) on the same table, and again,
part by part, with boards, cables and hands beside the part. Column `table`: plain or other. The
cases `twin_tables_...` of `benchmarks.image` make it themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.made_set import SEED, write_by_command, write_labels
from edge_agent.contracts.core.types import Image
from edge_agent.simulator.dataset import png_bytes
from edge_agent.simulator.parts import LOT, RADIUS, Part, centre_px, truth
from edge_agent.simulator.scene import render_part

WIDTH_PX, HEIGHT_PX = 640, 480
PART_WIDTH_PX, PART_HEIGHT_PX = 288, 216
"""Of the picture of the part, in the middle of the frame."""

CLEAR_PX = 130
"""From the part's outer radius to the nearest thing beside it."""

LOTS, DEFECT_RATE = 10, 0.3
COLUMNS = ("path", "label", "lot", "split", "table")
EDGE_PX = 2.0
"""Width over which the part goes over into the table."""

Pixels = NDArray[np.float32]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the set."""
    return write_by_command(write_tables, "benchmarks.twin_backgrounds", "pictures", argv)


def write_plain(folder: Path) -> int:
    """The set judged on the table that was learnt."""
    return write_tables(folder, tables=("plain",))


def write_other(folder: Path) -> int:
    """The set judged with things beside the part alone."""
    return write_tables(folder, tables=("other",))


def write_tables(
    folder: Path, seed: int = SEED, lots: int = LOTS, tables: Sequence[str] = ("plain", "other")
) -> int:
    """Write the parts of `lots` lots, every second one on the plain table as split train, the
    others on each of `tables`. Returns the count of pictures.
    """
    rows = []
    for k in range(lots * LOT):
        part = truth(seed, k, DEFECT_RATE)
        learns = part.lot % 2 == 0
        for table in ("plain",) if learns else tables:
            label = "flawed" if part.defect else "good"
            path = folder / label / f"{part.part_id}-{table}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png_bytes(on_table(part, table)))
            split = "train" if learns else "test"
            named = (str(path.relative_to(folder)), label, f"lot-{part.lot:03d}", split, table)
            rows.append(dict(zip(COLUMNS, named, strict=True)))
    write_labels(folder, COLUMNS, rows)
    return len(rows)


def on_table(part: Part, table: str) -> Image:
    """The part on a table of that name: uint8 (HEIGHT_PX, WIDTH_PX, 3) RGB."""
    rng = np.random.default_rng([part.seed, part.k, 31])
    level = rng.uniform(38, 52) * np.array([1.0, 1.02, 1.05])
    ground = (level + rng.normal(0, 2.5, (HEIGHT_PX, WIDTH_PX, 3))).astype(np.float32)
    beyond = beyond_part(part)
    if table == "other":
        far = (beyond > CLEAR_PX)[:, :, None]
        ground = np.where(far, _with_things(ground, rng), ground)
    cover = np.clip(0.5 - beyond / EDGE_PX, 0, 1)[:, :, None]
    mixed = _framed(part) * cover + ground * (1 - cover)
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


def beyond_part(part: Part) -> Pixels:
    """(HEIGHT_PX, WIDTH_PX), how far each pixel is from the part's outer radius, inside below 0."""
    x, y = centre_px(part, PART_WIDTH_PX, PART_HEIGHT_PX)
    left, top = _corner()
    rows, columns = np.mgrid[:HEIGHT_PX, :WIDTH_PX].astype(np.float32)
    away = np.hypot(rows - (top + y), columns - (left + x)) - RADIUS * PART_HEIGHT_PX
    return np.asarray(away, np.float32)


def _framed(part: Part) -> Pixels:
    picture = render_part(part, PART_WIDTH_PX, PART_HEIGHT_PX)
    left, top = _corner()
    frame = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    frame[top : top + PART_HEIGHT_PX, left : left + PART_WIDTH_PX] = picture
    return frame


def _corner() -> tuple[int, int]:
    return (WIDTH_PX - PART_WIDTH_PX) // 2, (HEIGHT_PX - PART_HEIGHT_PX) // 2


def _with_things(ground: Pixels, rng: np.random.Generator) -> Pixels:
    """Boards, a cable and, on every second table, a hand."""
    height, width = ground.shape[:2]
    wave = np.sin(np.arange(width) / rng.uniform(8, 40) + rng.uniform(0, 9))
    things = np.ascontiguousarray(ground + 18 * np.sign(wave).astype(np.float32)[None, :, None])
    column = rng.choice([rng.uniform(0, 0.1), rng.uniform(0.9, 1)])
    start, end = (int(column * width), 0), (int(rng.uniform(0, width)), height)
    cv2.line(things, start, end, (20.0, 20.0, 24.0), int(rng.integers(4, 14)), cv2.LINE_AA)
    if rng.random() < 0.5:
        skin = rng.uniform(120, 200) * np.array([1.0, 0.75, 0.62])
        middle = (int(rng.choice([0, width])), int(rng.uniform(0.1, 0.9) * height))
        cv2.ellipse(things, middle, (110, 60), 0, 0, 360, tuple(skin), -1, cv2.LINE_AA)
    return things


if __name__ == "__main__":
    raise SystemExit(main())
