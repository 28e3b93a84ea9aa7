from __future__ import annotations

import numpy as np
import pytest

from edge_agent.simulator.parts import (
    BORE,
    DEFECTS,
    GOOD,
    LOT,
    RADIUS,
    SCREW_HEAD,
    screw_place,
    truth,
)
from edge_agent.simulator.scene import light_over, render

SIZE = (640, 480)


def first(label: str, severity: float = 0.6, seed: int = 3) -> int:
    """The first part of the line with this defect, at least so plain."""
    for k in range(2000):
        part = truth(seed, k, 1.0)
        if part.label == label and part.defect and part.defect.severity >= severity:
            return k
    raise LookupError(label)


def test_part_k_of_a_seed_is_always_the_same() -> None:
    assert truth(5, 17) == truth(5, 17)
    assert np.array_equal(render(5, 17, *SIZE), render(5, 17, *SIZE))
    assert not np.array_equal(render(5, 17, *SIZE), render(5, 18, *SIZE))
    assert not np.array_equal(render(5, 17, *SIZE), render(6, 17, *SIZE))


def test_a_frame_does_not_depend_on_the_frames_before_it() -> None:
    alone = render(8, 30, 320, 240)
    for k in (29, 31, 500):
        render(9, k, 320, 240)
    assert np.array_equal(render(8, 30, 320, 240), alone)


@pytest.mark.parametrize("size", [(1280, 960), (640, 480), (320, 240), (321, 201), (128, 128)])
def test_any_size_is_rgb_uint8(size: tuple[int, int]) -> None:
    frame = render(1, 2, *size)
    assert frame.shape == (size[1], size[0], 3)
    assert frame.dtype == np.uint8
    assert 20 < frame.mean() < 200


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_defect_rate_is_kept(rate: float) -> None:
    bad = np.mean([truth(1, k, rate).label != GOOD for k in range(1500)])
    assert bad == pytest.approx(rate, abs=0.04)


def test_a_bad_part_stays_the_same_part_at_a_higher_rate() -> None:
    for k in range(200):
        low, high = truth(2, k, 0.2), truth(2, k, 0.6)
        if low.defect is not None:
            assert high.label == low.label
            assert high.box_px(*SIZE) == low.box_px(*SIZE)
        assert (low.angle_rad, low.centre_x) == (high.angle_rad, high.centre_x)


def test_every_defect_comes_in_subtle_and_obvious() -> None:
    parts = [truth(1, k, 1.0) for k in range(800)]
    for kind in DEFECTS:
        severities = [p.defect.severity for p in parts if p.defect and p.label == kind]
        assert len(severities) > 130
        assert min(severities) < 0.2
        assert max(severities) > 0.9


@pytest.mark.parametrize("kind", DEFECTS)
def test_the_defect_is_drawn_inside_its_box_and_nowhere_else(kind: str) -> None:
    """The same part with and without its defect differs in the box, and (but for a chip's
    shadow on the belt) only there."""
    k = first(kind)
    part = truth(3, k, 1.0)
    bad, good = render(3, k, *SIZE, 1.0, 0.0), render(3, k, *SIZE, 0.0, 0.0)
    left, top, right, bottom = part.box_px(*SIZE)
    changed = np.abs(bad.astype(int) - good.astype(int)).max(axis=2)
    inside = changed[top:bottom, left:right]
    assert inside.max() > 40
    outside = changed.copy()
    outside[max(0, top - 3) : bottom + 3, max(0, left - 3) : right + 3] = 0
    assert outside.max() < (40 if kind == "chip" else 8)


def test_good_part_has_no_box() -> None:
    assert truth(1, 0, 0.0).box_px(*SIZE) is None


def test_boxes_scale_with_the_frame() -> None:
    for k in range(50):
        part = truth(4, k, 1.0)
        small, large = part.box_px(640, 480), part.box_px(1280, 960)
        assert np.allclose(np.array(small) * 2, large, atol=5)


def test_missing_screw_is_darker_than_a_screw() -> None:
    k = first("missing_screw")
    part = truth(3, k, 1.0)
    x, y = part.to_frame(np.array([screw_place(part.defect.screw)]), *SIZE)[0]
    reach = int(SCREW_HEAD * RADIUS * 480 * 0.9)
    patch = np.s_[int(y) - reach : int(y) + reach, int(x) - reach : int(x) + reach]
    assert render(3, k, *SIZE, 1.0)[patch].mean() < 0.8 * render(3, k, *SIZE, 0.0)[patch].mean()


def test_metal_is_brighter_than_belt_and_bore_shows_the_belt() -> None:
    part = truth(1, 0, 0.0)
    frame = render(1, 0, *SIZE, 0.0, 0.0).mean(axis=2)
    ring = part.to_frame(
        np.array([[0.62 * np.cos(a), 0.62 * np.sin(a)] for a in (0.8, 2.4, 4.0)]), *SIZE
    )
    metal = np.mean([frame[int(y), int(x)] for x, y in ring])
    x, y = part.to_frame(np.zeros((1, 2)), *SIZE)[0]
    reach = int(BORE * RADIUS * 480 * 0.4)
    bore = frame[int(y) - reach : int(y) + reach, int(x) - reach : int(x) + reach].mean()
    assert metal > 2 * bore
    assert metal > 2 * frame[:20].mean()


def test_light_changes_slowly_from_part_to_part() -> None:
    levels = np.array([light_over(1, k).level for k in range(400)])
    assert levels.max() - levels.min() > 0.12
    assert np.abs(np.diff(levels)).mean() < 0.06


def test_glare_comes_at_its_rate() -> None:
    share = np.mean([light_over(1, k, 0.2).glare > 0 for k in range(1000)])
    assert share == pytest.approx(0.2, abs=0.04)


def test_lots_look_different_from_each_other() -> None:
    def face(k: int) -> float:
        return float(render(7, k, 320, 240, 0.0, 0.0).std())

    within = np.std([face(k) for k in range(8)])
    between = np.std([np.mean([face(LOT * lot + k) for k in range(3)]) for lot in range(8)])
    assert between > 0.3 * within


def test_part_ids_lead_back_to_the_truth() -> None:
    assert truth(12, 345).part_id == "sim-12-345"
    assert {truth(1, k, 0.5).label for k in range(60)} == {GOOD, *DEFECTS}
