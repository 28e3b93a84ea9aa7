"""Windows of several lengths are cut from the same recordings, evenly spaced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.views import PostureView, SpectrumView
from tests.trainer.conftest import RATE_HZ
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import Split
from trainer.models.vibration.trial_windows import MOST_EACH, MOST_WINDOWS, trial_windows

MEAN, BANDS = PostureView(), SpectrumView(bins=4, high_hz=RATE_HZ / 2)


def spec(window: int, *views: PostureView | SpectrumView) -> VibrationInput:
    return VibrationInput(
        rate_hz=RATE_HZ, axes=["acc"], window_samples=window, hop_samples=window, views=[*views]
    )


def ramps(folder: Path, count: int) -> Split:
    """Recordings of a second whose sample at t seconds is n + t; all of them train."""
    time_s = np.arange(int(RATE_HZ)) / RATE_HZ
    for number in range(count):
        label = "ab"[number % 2]
        (folder / label).mkdir(parents=True, exist_ok=True)
        np.savez(folder / label / f"{number:03d}.npz", acc=number + time_s, fs=RATE_HZ)
    (folder / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["a"]\n'
        f'[vibration]\nrate_hz = {RATE_HZ}\naxes = ["acc"]\nunit = "g"\n'
    )
    dataset = load_dataset(folder)
    everything = np.arange(len(dataset.samples))
    return Split(dataset, everything, everything[:0], everything[:0], "")


def test_windows_of_each_length_span_the_recording(tmp_path: Path) -> None:
    split = ramps(tmp_path, 4)
    several = [spec(2000, MEAN), spec(200, MEAN, BANDS)]
    windows = trial_windows(split, several, SilentProgress())
    assert list(windows.sample) == list(np.repeat(split.train, MOST_EACH))
    assert np.allclose(windows.lasts_s, 1.0)
    numbers = np.array([int(Path(one.path).stem) for one in split.dataset.samples])
    (whole,) = windows.of(several[0])
    assert np.allclose(whole[:, 0], numbers[windows.sample] + 0.5, atol=0.001)
    mean, bands = windows.of(several[1])
    wanted = numbers[windows.sample] + 0.05 + 0.9 * windows.along
    assert np.allclose(mean[:, 0], wanted, atol=0.001)
    assert bands.shape == (4 * MOST_EACH, 4)


def test_many_recordings_give_few_windows_each(tmp_path: Path) -> None:
    split = ramps(tmp_path, 10)
    often = replace(split, train=np.tile(split.train, 15))
    windows = trial_windows(often, [spec(200, MEAN)], SilentProgress())
    assert len(windows.sample) == 150 * (MOST_WINDOWS // 150)


def test_a_recording_shorter_than_a_window_is_named(tmp_path: Path) -> None:
    split = ramps(tmp_path, 2)
    short = r"000\.npz: 2000 samples at 2000 Hz, one window needs 2001: record longer"
    with pytest.raises(InputError, match=short):
        trial_windows(split, [spec(2001, MEAN)], SilentProgress())
