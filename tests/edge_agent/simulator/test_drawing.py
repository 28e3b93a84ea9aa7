"""What the simulated camera draws, looked at piece by piece."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest

from edge_agent.simulator.fittings import set_screws
from edge_agent.simulator.flaws import draw_flaw
from edge_agent.simulator.parts import BORE, DEFECTS, LOT, SCREWS, Part, truth
from edge_agent.simulator.surface import disc, finish, ramp, shade

RADIUS_PX = 80.0


def part_with(kind: str) -> Part:
    return next(p for k in range(300) if (p := truth(3, k, 1.0)).label == kind)


def test_a_disc_has_a_bore_and_an_edge() -> None:
    maps = disc(RADIUS_PX)
    middle = maps.half_px
    assert maps.alpha[middle, middle] == 0
    assert maps.alpha[middle, middle + round(RADIUS_PX * (1 + BORE) / 2)] == 1
    assert maps.alpha[middle, middle + round(RADIUS_PX * 1.04)] == 0
    area = maps.alpha.sum() / (pi * RADIUS_PX**2)
    assert area == pytest.approx(1 - BORE**2, rel=0.01)


def test_an_edge_is_one_pixel_soft() -> None:
    assert ramp(np.array([-1.0, 0.0, 1.0]), 100.0).tolist() == [0, 0.5, 1]
    assert ramp(np.array([0.0025]), 100.0)[0] == pytest.approx(0.75)


def test_bare_metal_shines_along_the_light_and_less_across() -> None:
    maps = disc(RADIUS_PX)
    glow = shade(maps, finish(1, 0, RADIUS_PX), azimuth_rad=0.0, angle_rad=0.0)
    middle, reach = maps.half_px, round(RADIUS_PX * 0.75)
    along = glow[middle - 3 : middle + 4, middle + reach]
    across = glow[middle + reach, middle - 3 : middle + 4]
    assert along.mean() > 1.1 * across.mean()


def test_a_finish_belongs_to_its_lot() -> None:
    one, same, other = finish(1, 0, RADIUS_PX), finish(1, 0, RADIUS_PX), finish(1, 1, RADIUS_PX)
    assert np.array_equal(one.rings, same.rings)
    assert not np.array_equal(one.rings, other.rings)
    assert truth(1, LOT - 1).lot == 0
    assert truth(1, LOT).lot == 1


def test_a_missing_screw_leaves_a_hole_without_colour() -> None:
    maps = disc(RADIUS_PX)
    part, whole = part_with("missing_screw"), truth(3, 0, 0.0)
    assert part.defect is not None
    glow = np.full(maps.radius.shape, 0.5, np.float32)
    assert len(set_screws(glow.copy(), maps, whole, 0.0)) == SCREWS
    assert len(set_screws(glow, maps, part, 0.0)) == SCREWS - 1


@pytest.mark.parametrize("kind", [kind for kind in DEFECTS if kind != "missing_screw"])
def test_a_flaw_changes_the_metal_at_its_place_alone(kind: str) -> None:
    maps, part = disc(RADIUS_PX), part_with(kind)
    before = np.full(maps.radius.shape, 0.5, np.float32)
    glow, alpha = before.copy(), maps.alpha.copy()
    draw_flaw(glow, alpha, maps, part, 0.3)
    changed = np.argwhere(np.abs(glow - before) > 0.01)
    assert len(changed)
    assert part.defect is not None
    turned = part.defect.outline @ np.array(
        [
            [np.cos(part.angle_rad), np.sin(part.angle_rad)],
            [-np.sin(part.angle_rad), np.cos(part.angle_rad)],
        ]
    )
    points = maps.half_px + RADIUS_PX * turned
    for y, x in changed:
        assert np.hypot(points[:, 0] - x, points[:, 1] - y).min() < 0.2 * RADIUS_PX
    assert (kind == "chip") == bool((alpha < maps.alpha).any())


def test_a_good_part_has_no_flaw() -> None:
    maps = disc(RADIUS_PX)
    glow = np.full(maps.radius.shape, 0.5, np.float32)
    assert draw_flaw(glow, maps.alpha.copy(), maps, truth(3, 0, 0.0), 0.3) == []
    assert (glow == 0.5).all()
