"""Parts of the simulated line and their truth: what part k of seed s is, where it lies, its defect.

A part is a turned flange with a bore, a raised hub and four screws. Lengths on the part are in
outer radii, angles in radians; x points right and y down, as in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

GOOD = "good"
DEFECTS = ("chip", "missing_screw", "pit", "scratch")

RADIUS = 0.43
"""Outer radius of a part as a fraction of the frame's height."""
BORE, HUB, BOLT_CIRCLE, COUNTERBORE, SCREW_HEAD = 0.29, 0.50, 0.745, 0.128, 0.108
SCREWS = 4
LOT = 20
"""Parts of one lot share bar stock, tool and finish: the group of a split."""

LEAST_SEVERITY = -0.25
"""Of a small flaw's size; its contrast is that of a severity of 0."""

Outline = NDArray[np.float64]
"""float64 (N, 2): x, y on the part, in outer radii."""


@dataclass(frozen=True)
class Defect:
    """One defect: its kind, how plain it is (0 subtle, 1 obvious), its outline and line width."""

    kind: str
    severity: float
    outline: Outline = field(compare=False, repr=False)
    width: float = 0.0
    screw: int = -1


@dataclass(frozen=True)
class Part:
    """Part `k` of line `seed`. The centre is in frame heights from the middle of the frame."""

    seed: int
    k: int
    label: str
    angle_rad: float
    centre_x: float
    centre_y: float
    defect: Defect | None

    @property
    def part_id(self) -> str:
        """`sim-<seed>-<k>`: enough to work out the truth again."""
        return part_id(self.seed, self.k)

    @property
    def lot(self) -> int:
        """The lot it comes from."""
        return self.k // LOT

    def to_frame(self, outline: Outline, width_px: int, height_px: int) -> Outline:
        """Points on the part to pixels of a frame."""
        turn = np.array(
            [
                [cos(self.angle_rad), -sin(self.angle_rad)],
                [sin(self.angle_rad), cos(self.angle_rad)],
            ]
        )
        middle = np.array(centre_px(self, width_px, height_px))
        return np.asarray(middle + RADIUS * height_px * (outline @ turn.T))

    def box_px(self, width_px: int, height_px: int) -> tuple[int, int, int, int] | None:
        """(left, top, right, bottom) of the defect in a frame of this size; None when good."""
        if self.defect is None:
            return None
        points = self.to_frame(self.defect.outline, width_px, height_px)
        margin = 1 + self.defect.width * RADIUS * height_px / 2
        left, top = np.floor(points.min(axis=0) - margin)
        right, bottom = np.ceil(points.max(axis=0) + margin)
        limits = (width_px, height_px, width_px, height_px)
        edges = zip((left, top, right, bottom), limits, strict=True)
        box = [int(min(max(edge, 0), limit)) for edge, limit in edges]
        return box[0], box[1], box[2], box[3]


def truth(seed: int, k: int, defect_rate: float = 0.25) -> Part:
    """Part k of line `seed`, always the same.

    `defect_rate` moves only the line between good and bad: a part that is bad at a low rate is
    the same bad part at a higher one.
    """
    rng = np.random.default_rng([seed, k, 1])
    is_bad = rng.random() < defect_rate
    angle = float(rng.uniform(0, 2 * pi))
    x, y = (float(shift) for shift in rng.uniform(-0.025, 0.025, 2))
    kind = DEFECTS[int(rng.integers(len(DEFECTS)))]
    severity = float(rng.beta(2.0, 1.1))
    defect = _draw(kind, severity, rng) if is_bad else None
    return Part(seed, k, kind if is_bad else GOOD, angle, x, y, defect)


def centre_px(part: Part, width_px: int, height_px: int) -> tuple[int, int]:
    """The part's centre in a frame of this size."""
    x = width_px / 2 + part.centre_x * height_px
    y = height_px / 2 + part.centre_y * height_px
    return round(x), round(y)


def part_id(seed: int, k: int) -> str:
    """The id of part k of line `seed`."""
    return f"sim-{seed}-{k}"


def screw_place(screw: int) -> tuple[float, float]:
    """The centre of screw 0-3 on the part."""
    angle = 2 * pi * screw / SCREWS
    return BOLT_CIRCLE * cos(angle), BOLT_CIRCLE * sin(angle)


def draw_small(kind: str, share: float, rng: np.random.Generator) -> Defect:
    """A chip, pit or scratch that covers `share` of the part's face; the smaller the fainter.

    Raises ValueError for a share that no severity gives: small ones are 0.002 to 0.012.
    """
    for _ in range(50):
        drawn = _of_share(kind, share, int(rng.integers(2**32)))
        if drawn is not None and _in_sight(drawn):
            return drawn
    raise ValueError(f"no {kind} covers {share:.2%} of a part")


def covered(defect: Defect) -> float:
    """The share of the part's face that a chip or pit's outline, or a scratch's line, covers."""
    points = defect.outline
    if defect.kind == "scratch":
        steps = np.diff(points, axis=0)
        area = defect.width * float(np.hypot(steps[:, 0], steps[:, 1]).sum())
    else:
        reach = np.maximum(np.hypot(points[:, 0], points[:, 1]), 1.0)  # a chip's outline juts out
        x, y = (points / reach[:, None]).T
        area = abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2
    return area / (pi * (1 - BORE**2))


def _of_share(kind: str, share: float, seed: int) -> Defect | None:
    """The defect of that seed whose severity makes it cover `share`; None where none does."""
    low, high = LEAST_SEVERITY, 1.0
    drawn = [_draw(kind, severity, np.random.default_rng(seed)) for severity in (low, high)]
    if kind == "missing_screw" or not covered(drawn[0]) <= share <= covered(drawn[1]):
        return None
    for _ in range(30):
        middle = (low + high) / 2
        smaller = covered(_draw(kind, middle, np.random.default_rng(seed))) < share
        low, high = (middle, high) if smaller else (low, middle)
    found = _draw(kind, low, np.random.default_rng(seed))
    return replace(found, severity=max(0.0, found.severity))


def _in_sight(defect: Defect) -> bool:
    """Whether at least seven tenths of it lie beside the screws, which hide what is below."""
    places = np.array([screw_place(screw) for screw in range(SCREWS)])
    away = np.linalg.norm(defect.outline[:, None] - places, axis=2).min(axis=1)
    return bool(np.mean(away > COUNTERBORE) >= 0.7)


def _draw(kind: str, severity: float, rng: np.random.Generator) -> Defect:
    if kind == "missing_screw":
        screw = int(rng.integers(SCREWS))
        x, y = screw_place(screw)
        angles = np.linspace(0, 2 * pi, 24, endpoint=False)
        circle = np.stack([x + COUNTERBORE * np.cos(angles), y + COUNTERBORE * np.sin(angles)], 1)
        return Defect(kind, severity, circle, screw=screw)
    if kind == "scratch":
        outline = _scratch(severity, rng)
        return Defect(kind, severity, outline, width=0.024 + 0.04 * severity)
    if kind == "pit":
        return Defect(kind, severity, _blob(_free_place(rng), 0.045 + 0.085 * severity, rng))
    return Defect(kind, severity, _chip(severity, rng))


def _scratch(severity: float, rng: np.random.Generator) -> Outline:
    """A gently bent line over the face, never inside the bore."""
    length = 0.35 + 0.85 * severity
    side, reach = rng.uniform(0, 2 * pi), rng.uniform(0.52, 0.72)
    heading = side + pi / 2 + rng.uniform(-0.5, 0.5)
    steps = np.linspace(-length / 2, length / 2, 24)
    bend = rng.uniform(-0.25, 0.25) * (steps**2 - length**2 / 12)
    x = reach * cos(side) + steps * cos(heading) - bend * sin(heading)
    y = reach * sin(side) + steps * sin(heading) + bend * cos(heading)
    line = np.stack([x, y], axis=1)
    distance = np.hypot(x, y)
    return np.asarray(line[(distance > BORE + 0.06) & (distance < 0.955)])


def _free_place(rng: np.random.Generator) -> tuple[float, float]:
    """A place on the flat face, clear of the screws."""
    reach = rng.uniform(0.57, 0.9)
    quarter, within = int(rng.integers(SCREWS)), rng.uniform(0.34, 0.66)
    angle = (quarter + within) * 2 * pi / SCREWS
    return reach * cos(angle), reach * sin(angle)


def _blob(place: tuple[float, float], radius: float, rng: np.random.Generator) -> Outline:
    angles = np.linspace(0, 2 * pi, 28, endpoint=False)
    ripple = sum(
        rng.normal(0, 0.3 / order) * np.cos(order * angles + rng.uniform(0, 2 * pi))
        for order in (2, 3, 5, 7)
    )
    reach = radius * (1 + ripple)
    return np.stack([place[0] + reach * np.cos(angles), place[1] + reach * np.sin(angles)], axis=1)


def _chip(severity: float, rng: np.random.Generator) -> Outline:
    """A bite out of the outer edge, between two screws."""
    within = int(rng.integers(SCREWS)) + rng.uniform(0.2, 0.8)
    angle = within * 2 * pi / SCREWS
    half, depth = 0.11 + 0.22 * severity, 0.075 + 0.185 * severity
    spread = np.linspace(-half, half, 15)
    shape = np.sqrt(np.maximum(0, 1 - (spread / half) ** 2))
    inner = 1.0 - depth * shape * rng.uniform(0.75, 1.15, 15)
    places = angle + spread
    rim = np.stack([1.02 * np.cos(places[::-1]), 1.02 * np.sin(places[::-1])], axis=1)
    bite = np.stack([inner * np.cos(places), inner * np.sin(places)], axis=1)
    return np.concatenate([bite, rim])
