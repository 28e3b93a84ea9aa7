"""Known operating conditions: by the stated speed, by how far features moved, by spectral lines."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.vibration.baseline import raw_features, standard_of
from edge_agent.contracts.vibration.conditions import (
    SAME_SPEED,
    KnownConditions,
    distinct_speeds,
    lines_input,
    lines_of,
    movement,
)
from edge_agent.contracts.vibration.input import VibrationInput, prepare_recording
from edge_agent.contracts.vibration.views import ShaftView, SpectrumView

RATE_HZ = 400


def running(hz: float, noise: float = 0.01, seed: int = 0, rpm: float | None = None) -> Recording:
    """Two seconds of a shaft that turns at `hz`, with its second and third line."""
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    wave = sum(0.2 / k * np.sin(2 * np.pi * k * hz * t) for k in (1, 2, 3))
    wave = wave + np.random.default_rng(seed).normal(0, noise, len(t))
    return Recording(wave.astype(np.float32)[:, None], RATE_HZ, ("x",), rpm=rpm)


SPEC = VibrationInput(
    rate_hz=RATE_HZ,
    axes=["x"],
    window_samples=RATE_HZ,
    hop_samples=RATE_HZ,
    views=[SpectrumView(bins=8, high_hz=RATE_HZ / 2)],
)
CENTRE = prepare_recording(running(20), raw_features(SPEC)).mean(axis=0).reshape(-1)
SPEC = SPEC.model_copy(
    update={"standard": standard_of([CENTRE.astype(np.float64)], np.full(8, 0.1), 8.0)}
)
LINES = ShaftView(bins=90, low=0.5, high=90.5)


def known(rpm: tuple[float, ...] = (), far: float = 3.0, lines: bool = False) -> KnownConditions:
    found = lines_of(prepare_recording(running(20), lines_input(SPEC, LINES)))
    return KnownConditions(
        rpm=list(rpm),
        spread=[0.3] * 8,
        far=far,
        lines=LINES if lines else None,
        known_lines=[found.mean(axis=0).tolist()] if lines else [],
        alike=0.6,
        chosen_by="test",
    )


@pytest.mark.parametrize(
    ("rpm", "alarmed", "said"),
    [
        (1480.0, True, ""),
        (1480.0, False, ""),
        (1200.0, True, "1200 rpm, the training knows 1000, 1500"),
        (1200.0, False, "1200 rpm, the training knows 1000, 1500"),
        (1700.0, False, "1700 rpm, the training knows 1000, 1500"),
    ],
    ids=["slip", "slip without alarm", "between", "between without alarm", "above"],
)
def test_a_stated_speed_decides(rpm: float, alarmed: bool, said: str) -> None:
    found = known((1000.0, 1500.0)).unknown(running(20, rpm=rpm), SPEC, alarmed=alarmed)
    assert found == said


def test_many_known_speeds_are_named_by_their_range_and_the_nearest() -> None:
    many = tuple(float(rpm) for rpm in range(600, 3001))
    said = known(many).unknown(running(20, rpm=4000.0), SPEC, alarmed=False)
    assert said == "4000 rpm, the training knows 600 to 3000, nearest 3000"


@pytest.mark.parametrize("seed", range(5))
def test_distinct_speeds_cover_what_all_of_them_cover(seed: int) -> None:
    rng = np.random.default_rng(seed)
    measured = np.concatenate([rng.uniform(600, 1500, 1000), rng.uniform(2400, 3000, 30)])
    kept = np.array(distinct_speeds(measured.tolist()))
    asked = np.linspace(400, 4000, 7201)
    of_all, of_kept = (
        (np.abs(asked[:, None] / speeds - 1) <= SAME_SPEED).any(axis=1)
        for speeds in (measured, kept)
    )
    assert np.array_equal(of_all, of_kept)
    assert set(kept) <= set(measured)
    assert len(kept) < 20


def test_speeds_that_lie_apart_are_all_distinct() -> None:
    assert distinct_speeds([1500.0, 1000.0, 1200.0, 1000.0]) == [1000.0, 1200.0, 1500.0]
    assert distinct_speeds([]) == []


def test_a_small_movement_may_be_another_speed_and_a_large_one_is_none() -> None:
    louder = running(20, noise=0.05)
    said = known(far=3.0).unknown(louder, SPEC, alarmed=True)
    assert said.startswith("unlike the training by no more than another speed")
    assert known(far=0.5).unknown(louder, SPEC, alarmed=True) == ""


def test_a_reading_that_could_state_its_speed_is_asked_for_it() -> None:
    unstated = running(30, noise=0.02)
    said = known((1000.0, 1500.0)).unknown(unstated, SPEC, alarmed=True)
    assert "state its speed, of which the training knows 1000, 1500 rpm: [channel.speed]" in said
    assert "state its speed" not in known().unknown(unstated, SPEC, alarmed=True)


def test_what_gives_no_alarm_is_not_asked_for_its_speed() -> None:
    assert known().unknown(running(30), SPEC, alarmed=False) == ""


def test_lines_where_a_known_condition_has_them_let_the_alarm_stand() -> None:
    gate = known(lines=True)
    assert gate.unknown(running(20, noise=0.05), SPEC, alarmed=True) == ""
    assert gate.unknown(running(23, noise=0.05), SPEC, alarmed=True) != ""


def test_the_channel_that_rose_most_counts_and_a_fall_says_nothing() -> None:
    standard = standard_of([np.zeros(8)], np.ones(8), 8.0)
    raw = np.zeros((4, 2), np.float32)
    raw[:, 1] = 5.5
    assert movement(raw, standard, [1.0] * 8) == pytest.approx(4.0)
    assert movement(raw, standard, [2.0] * 8) == pytest.approx(1.25)
    assert movement(-raw, standard, [1.0] * 8) == 0.0


def test_a_machine_that_runs_quieter_than_the_training_is_no_alarm() -> None:
    still = Recording(running(20).signal * np.float32(0.001), RATE_HZ, ("x",))
    assert known(far=0.5).unknown(still, SPEC, alarmed=True) != ""
