"""A made set of screws at any angle, a thirtieth of their frames, with small flaws.

    python -m benchmarks.made_screws FOLDER

writes it: classes good and flawed, `kind` (thread, spot, neck, head, tip), masks, and `lot` as the
group. The cases screws_... of `benchmarks.image` make it themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.made_set import SEED, write_by_command, write_labels
from edge_agent.contracts.core.types import Image
from edge_agent.simulator.dataset import png_bytes

FRAME_PX = 1024
LOT, LEARNT_LOTS, TEST_LOTS = 10, 20, 4
"""Good screws of a lot, and the lots that a detector learns and that it judges."""

FLAWED_OF_KIND = 14
FINE = 2
"""A screw is drawn so many times larger than it is seen."""

LONG, HALF_HEAD, HALF_NECK, PITCH = 600, 64, 31, 22
"""Length, half of the head's and of the neck's width, and pitch of the thread, in pixels of the
frame.
"""

CANVAS = 400 * FINE, 800 * FINE
HEAD_AT = 100 * FINE
COLUMNS = ("path", "label", "lot", "split", "mask", "kind")

Float = NDArray[np.float32]


@dataclass
class Screw:
    """Brightness, cover and flaw of a screw that lies along its canvas, each float32 CANVAS."""

    body: Float
    cover: Float
    flaw: Float


def main(argv: Sequence[str] | None = None) -> int:
    """Write the set."""
    return write_by_command(write_screws, "benchmarks.made_screws", "screws", argv)


def write_screws(folder: Path, seed: int = SEED) -> int:
    """Write all of them; returns their count."""
    rows = []
    good = [("", lot) for lot in range(LEARNT_LOTS + TEST_LOTS) for _ in range(LOT)]
    kinds = list(KINDS) * FLAWED_OF_KIND
    flawed = [(kind, LEARNT_LOTS + n % TEST_LOTS) for n, kind in enumerate(kinds)]
    for number, (kind, lot) in enumerate([*good, *flawed]):
        label = "flawed" if kind else "good"
        path = f"{label}/{number:04d}.png"
        row = {"path": path, "label": label, "lot": f"lot-{lot:03d}", "kind": kind}
        row["split"] = "train" if lot < LEARNT_LOTS else "test"
        frame, mask = frame_of(np.random.default_rng([seed, number]), kind)
        _write(folder / path, png_bytes(frame))
        if kind:
            row["mask"] = f"masks/{path}"
            _write(folder / row["mask"], cv2.imencode(".png", mask)[1].tobytes())
        rows.append(row)
    write_labels(folder, COLUMNS, rows)
    return len(rows)


def frame_of(rng: np.random.Generator, kind: str = "") -> tuple[Image, NDArray[np.uint8]]:
    """A frame, uint8 (FRAME_PX, FRAME_PX, 3), and 255 where its flaw is."""
    screw = drawn(rng, kind)
    middle = HEAD_AT + LONG * FINE / 2, CANVAS[0] / 2
    matrix = cv2.getRotationMatrix2D(middle, rng.uniform(0, 360), 1 / FINE)
    place = FRAME_PX / 2 + rng.uniform(-60, 60, 2)
    matrix[:, 2] += place - np.array(middle)
    size = FRAME_PX, FRAME_PX
    cover, body, flaw = (
        np.asarray(cv2.warpAffine(one, matrix, size, flags=cv2.INTER_AREA), np.float32)
        for one in (screw.cover, screw.body, screw.flaw)
    )
    down, across = np.mgrid[:FRAME_PX, :FRAME_PX] / FRAME_PX - 0.5
    slope = rng.uniform(-0.1, 0.1, 2)
    light = 1 + slope[0] * across + slope[1] * down
    shadow = 0.12 * cv2.GaussianBlur(np.roll(cover, (10, 8), (0, 1)), (0, 0), 14)
    ground = 0.82 + rng.uniform(-0.04, 0.04) - shadow
    seen = (ground * (1 - cover) + body * cover * rng.uniform(0.92, 1.08)) * light * 235
    grey = np.clip(seen + rng.normal(0, 2, seen.shape), 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2), np.where(flaw > 0.3, 255, 0).astype(np.uint8)


def drawn(rng: np.random.Generator, kind: str) -> Screw:
    """A screw with a flaw of `kind`, or a good one."""
    y = np.arange(CANVAS[0], dtype=np.float32)[:, None] - CANVAS[0] / 2
    x = np.arange(CANVAS[1], dtype=np.float32)[None] - HEAD_AT
    ridge = 2 * np.pi * (x + 0.35 * y) / (PITCH * FINE) + rng.uniform(0, 2 * np.pi)
    threaded = ((x > 200 * FINE) & (x < 520 * FINE)).astype(np.float32)
    cone = np.maximum(HALF_NECK * FINE, HALF_HEAD * FINE - 0.55 * np.maximum(x, 0))
    edge = cone + 6 * FINE * np.maximum(0, np.sin(ridge)) * threaded
    edge = edge * np.clip((LONG * FINE - x) / (90 * FINE), 0, 1) * (x >= 0)
    inside = np.abs(y) < edge
    bent = np.clip(y / np.maximum(edge, 1), -1, 1)
    shade = 0.35 + 0.5 * np.sqrt(1 - bent**2) * (0.7 + 0.3 * np.cos(2.5 * bent + 0.6))
    grain = cv2.GaussianBlur(rng.normal(0, 1, CANVAS).astype(np.float32), (0, 0), 1.5 * FINE)
    body = shade + 0.18 * np.sin(ridge) * threaded + 0.035 * grain / grain.std()
    cover = np.asarray(inside, np.float32)
    screw = Screw(body.astype(np.float32), cover, np.zeros(CANVAS, np.float32))
    if kind:
        KINDS[kind](screw, x, y, rng)
    screw.cover = np.asarray(cv2.GaussianBlur(screw.cover, (0, 0), FINE), np.float32)
    return screw


def _thread(screw: Screw, x: Float, y: Float, rng: np.random.Generator) -> None:
    """Some ridges are worn off at one side."""
    place, side = rng.uniform(230, 500) * FINE, rng.choice([-1, 1])
    worn = (np.abs(x - place) < rng.uniform(12, 22) * FINE) & (y * side > 24 * FINE)
    screw.flaw = (worn & (screw.cover > 0)).astype(np.float32)
    screw.cover = screw.cover * ~worn


def _tip(screw: Screw, x: Float, y: Float, rng: np.random.Generator) -> None:
    """The tip is broken off."""
    del y
    lost = x > rng.uniform(556, 572) * FINE
    screw.flaw = (lost & (screw.cover > 0)).astype(np.float32)
    screw.cover = screw.cover * ~lost


def _spot(screw: Screw, x: Float, y: Float, rng: np.random.Generator) -> None:
    """A spot on the thread."""
    del x, y
    mark = np.zeros(CANVAS, np.float32)
    middle = _place(rng.uniform(230, 480), rng.uniform(-15, 15))
    axes = round(rng.uniform(6, 14) * FINE), round(rng.uniform(4, 8) * FINE)
    cv2.ellipse(mark, middle, axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
    _tint(screw, mark, rng)


def _neck(screw: Screw, x: Float, y: Float, rng: np.random.Generator) -> None:
    """A scratch on the neck."""
    del x, y
    _scratch(screw, (90, 180), 20, (-0.5, 0.5), (25, 60), rng)


def _head(screw: Screw, x: Float, y: Float, rng: np.random.Generator) -> None:
    """A scratch on the head."""
    del x, y
    _scratch(screw, (8, 40), 30, (1.0, 2.2), (15, 35), rng)


KINDS = {"thread": _thread, "spot": _spot, "neck": _neck, "head": _head, "tip": _tip}


def _scratch(
    screw: Screw,
    along: tuple[float, float],
    beside: float,
    turn: tuple[float, float],
    long: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    mark = np.zeros(CANVAS, np.float32)
    start = np.array([rng.uniform(*along), rng.uniform(-beside, beside)])
    angle = rng.uniform(*turn)
    end = start + rng.uniform(*long) * np.array([np.cos(angle), np.sin(angle)])
    cv2.line(mark, _place(*start), _place(*end), 1.0, 3 * FINE)
    _tint(screw, mark, rng)


def _tint(screw: Screw, mark: Float, rng: np.random.Generator) -> None:
    soft = np.asarray(cv2.GaussianBlur(mark, (0, 0), 1.2 * FINE), np.float32)
    screw.body = screw.body + soft * np.float32(rng.choice([-1, 1]) * rng.uniform(0.25, 0.4))
    screw.flaw = (soft > 0.2).astype(np.float32)


def _place(along: float, beside: float) -> tuple[int, int]:
    """A place on the screw, from its head on, in pixels of the canvas."""
    return round(HEAD_AT + along * FINE), round(CANVAS[0] / 2 + beside * FINE)


def _write(path: Path, payload: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(payload)


if __name__ == "__main__":
    raise SystemExit(main())
