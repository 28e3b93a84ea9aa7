"""What a station computes of a vibration window is part of its predicted time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.views import SpectrumView
from trainer.workflow.window_time import slower_than_here, window_ms, window_source

WINDOW = VibrationInput(
    rate_hz=1000,
    axes=["x"],
    window_samples=512,
    hop_samples=512,
    views=[SpectrumView(bins=32, high_hz=500)],
)


def clock_of(*runs_s: float) -> Callable[[], float]:
    """Processor time that passes by so much in each run, the last one again and again."""
    times, runs = [0.0], list(runs_s)

    def clock() -> float:
        if len(times) % 2:
            times.append(times[-1])
        else:
            times.append(times[-1] + (runs.pop(0) if len(runs) > 1 else runs[0]))
        return times[-1]

    return clock


def test_the_fastest_run_counts() -> None:
    assert window_ms(WINDOW, "x86", clock_of(0.3, 0.1, 0.2)) == pytest.approx(100)


def test_a_slower_board_takes_longer_by_its_row() -> None:
    assert slower_than_here("x86") == 1
    assert slower_than_here("rpi4") > slower_than_here("rpi5") > 1
    ms = window_ms(WINDOW, "rpi4", clock_of(0.1))
    assert ms == pytest.approx(100 * slower_than_here("rpi4"))
    assert "measured on this computer, times 5.3" in window_source("vibration", "rpi4")


def test_pictures_have_no_window() -> None:
    assert window_ms(ImageInput(width_px=32, height_px=32, channels=3), "rpi4") == 0
    assert window_source("image", "rpi4") == ""
