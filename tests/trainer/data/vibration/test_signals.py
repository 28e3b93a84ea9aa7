from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainer.data.load import load_dataset
from trainer.data.samples import Dataset
from trainer.data.vibration.signals import (
    RateGroup,
    clipped_samples,
    length_doubts,
    longest_still,
    rate_groups,
    survey_signals,
)

RATE_HZ = 12_000


def machine(rate_hz: float = RATE_HZ, gain: float = 1.0, seed: int = 0) -> np.ndarray:
    """A second of noise around 3 kHz."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(rate_hz)) / rate_hz
    slow = np.convolve(rng.normal(size=len(t)), np.ones(int(rate_hz / 500)) / 10, "same")
    return (gain * slow * np.sin(2 * np.pi * 3000 * t)).astype(np.float32)


def dataset(root: Path, odd: np.ndarray) -> Dataset:
    signals = [machine(seed=seed) for seed in range(5)]
    lines = ["path,label"]
    for place, signal in enumerate([*signals, odd]):
        np.savez(root / f"r{place}.npz", x=signal)
        lines.append(f"r{place}.npz,{'a' if place % 2 else 'b'}")
    (root / "labels.csv").write_text("\n".join(lines))
    (root / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["a"]\nlabels = "labels.csv"\n'
        f'[vibration]\nrate_hz = {RATE_HZ}\naxes = ["x"]\n'
    )
    return load_dataset(root)


def test_like_recordings_raise_no_doubt(tmp_path: Path) -> None:
    assert survey_signals(dataset(tmp_path, machine(seed=9))).doubts == []


def test_a_recording_of_four_times_the_rate_is_caught_by_its_spectrum(tmp_path: Path) -> None:
    said = survey_signals(dataset(tmp_path, machine(4 * RATE_HZ))).doubts
    assert len(said) == 1
    assert said[0].startswith("r5.npz: its spectrum reaches")
    assert said[0].endswith("another rate?")


def test_a_strong_line_below_the_same_noise_is_no_other_rate(tmp_path: Path) -> None:
    turns = np.sin(2 * np.pi * 25 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    assert survey_signals(dataset(tmp_path, machine(seed=9) + 3 * turns)).doubts == []


def test_another_unit_is_caught_by_its_level(tmp_path: Path) -> None:
    said = survey_signals(dataset(tmp_path, machine(gain=1000, seed=9))).doubts
    assert [one for one in said if "another unit or gain?" in one]


def test_clipping_is_named_with_its_level(tmp_path: Path) -> None:
    loud = np.clip(machine(seed=9), -0.3, 0.3)
    said = survey_signals(dataset(tmp_path, loud)).doubts
    assert [one for one in said if "clipped at 0.3" in one]


def test_a_dropout_is_named_with_its_length(tmp_path: Path) -> None:
    held = machine(seed=9)
    held[3000:4200] = held[3000]
    said = survey_signals(dataset(tmp_path, held)).doubts
    assert [one for one in said if "stands still for 100 ms" in one]


def test_a_stub_that_would_shorten_every_window_is_named(tmp_path: Path) -> None:
    stub = dataset(tmp_path, machine(seed=9)[:600])
    said = length_doubts(stub)
    assert len(said) == 1
    assert said[0].startswith("r5.npz: lasts 0.05 s, the others 1 s: all windows are cut")
    assert said[0] in survey_signals(stub).doubts


def test_rates_of_files_are_told_with_how_many_say_so(tmp_path: Path) -> None:
    survey = survey_signals(dataset(tmp_path, machine(seed=9)))
    assert survey.rates == [RateGroup(RATE_HZ, RATE_HZ, 6)]
    assert survey.rates[0].sentence() == "12000 Hz (6 recordings)"
    two = rate_groups([200.1, 50.0, 199.9])
    assert [one.sentence() for one in two] == [
        "50 Hz (1 recording)",
        "199.9 to 200.1 Hz (2 recordings)",
    ]


def timed(root: Path, column: str, per_second: float, rate_hz: float, samples: int) -> Dataset:
    """Two classes of three .csv each, with times in a unit that `column` need not name."""
    rng = np.random.default_rng(3)
    for label in ("ok", "worn"):
        (root / label).mkdir(parents=True)
        for place in range(3):
            times = np.arange(samples) / rate_hz * per_second
            table = np.stack([times, rng.normal(size=samples)], axis=1)
            np.savetxt(
                root / label / f"{place}.csv",
                table,
                "%.9g",
                ",",
                header=f"{column},acc",
                comments="",
            )
    return load_dataset(root)


def test_a_low_rate_of_a_column_without_a_unit_is_doubted_until_the_unit_is_named(
    tmp_path: Path,
) -> None:
    milliseconds = timed(tmp_path / "a", "Time", 1e3, 25_600, 25_600 // 4)
    found = survey_signals(milliseconds)
    assert [one.low_hz for one in found.rates] == [pytest.approx(25.6)]
    doubt = next(one for one in found.doubts if "names no unit" in one)
    assert "25.6 Hz for 250 s; in milliseconds it is 25600 Hz for 0.25 s" in doubt
    assert doubt in length_doubts(milliseconds)
    named = survey_signals(timed(tmp_path / "b", "time_ms", 1e3, 25_600, 25_600 // 4))
    assert [one.low_hz for one in named.rates] == [pytest.approx(25_600)]
    assert named.doubts == []


def test_a_counter_beside_the_signal_is_no_axis_and_named(tmp_path: Path) -> None:
    counted = timed(tmp_path, "sample", 1.0, 1.0, 300)
    assert counted.config.vibration is not None
    assert counted.config.vibration.axes == ["acc"]
    assert any(one.startswith("sample only rises at one pace") for one in counted.decisions)


@pytest.mark.parametrize("seed", range(3))
def test_noise_neither_clips_nor_stands_still(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=10_000)
    assert clipped_samples(noise) == 2
    assert longest_still(noise) == 1


def test_the_published_48_khz_normal_is_caught_when_taken_for_12_khz(data_dir: Path) -> None:
    from dataclasses import replace

    whole = load_dataset(data_dir / "cwru")
    normal = [s for s in whole.samples if s.label == "N"]
    faults = [s for s in whole.samples if s.label != "N"][::6]
    wrong = [replace(sample, rate_hz=12_000.0) for sample in [*faults, *normal]]
    said = survey_signals(whole.with_samples(wrong)).doubts
    assert [one for one in said if "97_Normal_0" in one and "another rate?" in one]
