"""Good parts that lie anyhow are told from those that lie alike, and from round ones."""

from __future__ import annotations

from dataclasses import replace
from math import degrees
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.types import Image
from edge_agent.simulator.parts import truth
from edge_agent.simulator.scene import render_part
from trainer.data.image.lying import Lying, lying, lying_of, most_alike
from trainer.data.load import load_dataset

PARTS = 9


def flange(k: int, **put: float) -> Image:
    """Part k of the simulated line, as it lies or as it is put."""
    return render_part(replace(truth(5, k, 0.0), **put), 160, 120, 0.0)


def disc(level: int) -> Image:
    picture = np.full((120, 160, 3), 40, np.uint8)
    cv2.circle(picture, (80, 60), 45, (level, level, level), -1, cv2.LINE_AA)
    return picture


def found(pictures: list[Image]) -> Lying:
    return lying_of(pictures[0], pictures[1:])


def test_parts_at_any_angle_lie_anyhow() -> None:
    assert found([flange(k) for k in range(PARTS)]).kind == "anyhow"


def test_the_turns_are_those_of_the_line() -> None:
    """A flange of four screws looks alike at every quarter turn; the line knows the angle."""
    angles = [degrees(truth(5, k, 0.0).angle_rad) for k in range(PARTS)]
    from_first = [abs((angle - angles[0] + 45) % 90 - 45) for angle in angles[1:]]
    measured = found([flange(k) for k in range(PARTS)]).turn_deg
    assert measured == pytest.approx(np.quantile(from_first, 0.9), abs=4)


def test_parts_that_are_put_alike_lie_alike() -> None:
    put = {"angle_rad": 0.3, "centre_x": 0.0, "centre_y": 0.0}
    alike = found([flange(k, **put) for k in range(PARTS)])
    assert alike.kind == "alike"
    assert alike.turn_deg <= 1


def test_parts_that_are_shifted_lie_anyhow() -> None:
    places = np.linspace(-0.1, 0.1, PARTS)
    shifted = found([flange(k, angle_rad=0.3, centre_x=place) for k, place in enumerate(places)])
    assert shifted.kind == "anyhow"
    assert shifted.shift == pytest.approx(0.9 * 0.2 * 3 / 4, abs=0.03)


def test_no_turn_of_a_disc_stands_out() -> None:
    one = found([disc(level) for level in range(150, 250, 10)])
    assert one.kind == "round"
    assert "round" in one.sentence()


def test_of_texture_that_fills_the_frame_nothing_is_said() -> None:
    rng = np.random.default_rng(3)
    noise = [rng.integers(0, 255, (120, 160, 3)).astype(np.uint8) for _ in range(PARTS)]
    assert found(noise).sentence() == ""


def test_few_parts_are_not_judged(plates: Path) -> None:
    dataset = load_dataset(plates)
    good = np.flatnonzero(~dataset.is_bad())
    assert lying(dataset, good[:7]) is None
    assert lying(dataset, good[:8]) is not None


def test_the_reference_is_one_of_the_samples(plates: Path) -> None:
    dataset = load_dataset(plates)
    good = np.flatnonzero(~dataset.is_bad())
    assert most_alike(dataset, good) in good
