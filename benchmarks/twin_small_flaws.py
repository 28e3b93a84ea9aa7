"""A set of the simulated line: parts at any angle, with flaws of 0.3 to 1.2 % of their face.

    python -m benchmarks.twin_small_flaws FOLDER

writes it: classes good and flawed, `kind` (chip, pit, scratch), `share` of the face, masks, and
`lot` as the group. The cases twin_... of `benchmarks.image` make it themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.made_set import SEED, write_by_command, write_labels
from edge_agent.simulator.dataset import png_bytes
from edge_agent.simulator.parts import LOT, RADIUS, Defect, Part, draw_small, truth
from edge_agent.simulator.scene import render_part

WIDTH_PX, HEIGHT_PX = 640, 480
LOTS = 40
LEARNT_LOTS = 15
"""Lots whose good parts a good-only detector learns; it judges the others."""

FLAWED = 1 / 3
KINDS = ("chip", "pit", "scratch")
SMALLEST, LARGEST = 0.003, 0.012
"""Shares of the part's face; drawn evenly on a logarithmic scale."""

COLUMNS = ("path", "label", "lot", "split", "mask", "kind", "share")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the set."""
    return write_by_command(write_twin, "benchmarks.twin_small_flaws", "parts", argv)


def write_twin(folder: Path, seed: int = SEED, lots: int = LOTS, learnt: int = LEARNT_LOTS) -> int:
    """Write the parts of `lots` lots; `learnt` lots have the split train. Returns their count."""
    rows = []
    for k in range(lots * LOT):
        part = small_flawed(seed, k)
        label = "flawed" if part.defect else "good"
        path = f"{label}/{part.part_id}.png"
        row = {"path": path, "label": label, "lot": f"lot-{part.lot:03d}"}
        row["split"] = "train" if part.lot < learnt else "test"
        _write(folder / path, png_bytes(render_part(part, WIDTH_PX, HEIGHT_PX)))
        if part.defect:
            row |= {"mask": f"masks/{path}", "kind": part.defect.kind}
            row["share"] = f"{_share(seed, k):.4f}"
            _, coded = cv2.imencode(".png", mask_of(part, part.defect))
            _write(folder / row["mask"], coded.tobytes())
        rows.append(row)
    write_labels(folder, COLUMNS, rows)
    return len(rows)


def small_flawed(seed: int, k: int) -> Part:
    """Part k of line `seed`: good, or with a small flaw."""
    part = truth(seed, k, 0.0)
    rng = np.random.default_rng([seed, k, 21])
    if rng.random() >= FLAWED:
        return part
    kind = KINDS[int(rng.integers(len(KINDS)))]
    return replace(part, label=kind, defect=draw_small(kind, _share(seed, k), rng))


def mask_of(part: Part, defect: Defect) -> NDArray[np.uint8]:
    """(HEIGHT_PX, WIDTH_PX), 255 where the flaw is."""
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    points = np.round(part.to_frame(defect.outline, WIDTH_PX, HEIGHT_PX)).astype(np.int32)
    if defect.kind == "scratch":
        thick = max(1, round(defect.width * RADIUS * HEIGHT_PX))
        cv2.polylines(mask, [points], False, 255, thick)
    else:
        cv2.fillPoly(mask, [points], 255)
    return mask


def _share(seed: int, k: int) -> float:
    low, high = np.log(SMALLEST), np.log(LARGEST)
    return float(np.exp(np.random.default_rng([seed, k, 22]).uniform(low, high)))


def _write(path: Path, payload: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(payload)


if __name__ == "__main__":
    raise SystemExit(main())
