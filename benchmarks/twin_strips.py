"""A set of drawn steel strips, three times as tall as wide, with thin cracks.

    python -m benchmarks.twin_strips FOLDER

writes it: classes good and cracked, masks, and `lot` as the group: strips of a lot are ground
alike. Every second lot has the split train, of which the good strips are learnt. The cases
`twin_strips` and `twin_strips_squeezed` of `benchmarks.image` make it themselves.
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

WIDTH_PX, HEIGHT_PX = 400, 1200
LOTS, LOT = 24, 12
CRACKED = 1 / 3
LONGEST, SHORTEST = 0.25, 0.08
"""Length of a crack as a share of the strip's width."""

DARKEST, FAINTEST = 40.0, 15.0
"""Grey levels by which a crack is darker than the strip."""

COLUMNS = ("path", "label", "lot", "split", "mask")

Pixels = NDArray[np.float32]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the set."""
    return write_by_command(write_strips, "benchmarks.twin_strips", "strips", argv)


def write_strips(folder: Path, seed: int = SEED, lots: int = LOTS) -> int:
    """Write the strips of `lots` lots. Returns their count."""
    rows = []
    for k in range(lots * LOT):
        rng = np.random.default_rng([seed, k, 41])
        lot = k // LOT
        strip = _ground(np.random.default_rng([seed, lot, 42]), rng)
        mask = crack(rng) if rng.random() < CRACKED else np.zeros(strip.shape, np.float32)
        label = "cracked" if mask.any() else "good"
        row = {"path": f"{label}/{k:04d}.png", "label": label, "lot": f"lot-{lot:03d}"}
        row["split"] = "train" if lot % 2 == 0 else "test"
        darker = strip - mask * rng.uniform(FAINTEST, DARKEST)
        _write(folder / row["path"], _picture(darker))
        if mask.any():
            row["mask"] = f"masks/{row['path']}"
            _write(folder / row["mask"], _picture(np.where(mask > 0.3, 255.0, 0.0)))
        rows.append(row)
    write_labels(folder, COLUMNS, rows)
    return len(rows)


def crack(rng: np.random.Generator) -> Pixels:
    """(HEIGHT_PX, WIDTH_PX), 0 to 1: a jagged line a pixel or two wide, in any direction."""
    length = rng.uniform(SHORTEST, LONGEST) * WIDTH_PX
    steps = int(rng.integers(5, 12))
    turns = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.5, steps)
    moves = np.stack([np.cos(turns), np.sin(turns)], axis=1) * length / steps
    points = np.cumsum(moves, axis=0)
    middle = rng.uniform(0.15, 0.85, 2) * (WIDTH_PX, HEIGHT_PX)
    points += middle - points.mean(axis=0)
    drawn = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    fine = np.round(points * 16).astype(np.int32)
    cv2.polylines(drawn, [fine], False, 255, 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.6) / np.float32(255), np.float32)


def _ground(of_lot: np.random.Generator, rng: np.random.Generator) -> Pixels:
    """A strip that is ground along its length, with grain and uneven light."""
    level, roughness, grain = of_lot.uniform((120, 5, 3), (150, 9, 5))
    lines = rng.standard_normal((HEIGHT_PX // 60 + 1, WIDTH_PX)).astype(np.float32)
    ground = cv2.resize(lines, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    light = cv2.resize(
        rng.standard_normal((6, 2)).astype(np.float32),
        (WIDTH_PX, HEIGHT_PX),
        None,
        0,
        0,
        cv2.INTER_CUBIC,
    )
    noise = rng.standard_normal((HEIGHT_PX, WIDTH_PX)).astype(np.float32)
    return np.asarray(level + roughness * ground + 6 * light + grain * noise, np.float32)


def _picture(grey: NDArray[np.floating]) -> Image:
    pixels = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return np.repeat(pixels[:, :, None], 3, axis=2)


def _write(path: Path, picture: Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_bytes(picture))


if __name__ == "__main__":
    raise SystemExit(main())
