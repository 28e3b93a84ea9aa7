from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.vibration.recordings import read_recording
from trainer.data.load import load_dataset
from trainer.data.prepare import read_sample
from trainer.data.vibration.common_axes import common_axes

DE, FE, BA = "X{}_DE_time", "X{}_FE_time", "X{}_BA_time"


def named(number: int, *names: str) -> list[str]:
    return [name.format(number) for name in names]


@pytest.mark.parametrize(
    ("signals", "axes"),
    [
        ([["x", "y"]] * 3, ["x", "y"]),
        ([named(k, DE) for k in (97, 105, 118)], ["*_DE_time"]),
        ([named(k, DE, FE) for k in (97, 105)], ["*_DE_time", "*_FE_time"]),
        ([named(118, DE, FE, BA), *(named(k, DE, FE) for k in (97, 98, 105))],
         ["*_DE_time", "*_FE_time"]),
        ([named(97, DE, FE), named(98, DE, FE), [*named(98, DE, FE), *named(99, DE, FE)]],
         ["*_DE_time", "*_FE_time"]),
        ([["a.gs"], ["b.gs"], ["c.gs"]], ["*.gs"]),
        ([["run_1"], ["run_2"], ["run_3"]], ["run_*"]),
        ([["acc"], ["b"], ["c1"]], ["*"]),
        ([["x"], ["x"], ["x"], ["signal"]], ["*"]),
        ([["s1 [g]"], ["s2 [g]"]], ["* [[]g]"]),
        ([["0"], ["0"]], ["0"]),
        ([["x", "y", "z"]] * 3 + [["x", "y"]] * 2, ["x", "y", "z"]),
        ([["p", "q"], ["x", "y"], ["x", "y"], ["x", "y"]], ["x", "y"]),
    ],
    ids=[
        "one name", "one signal each", "two of each", "a third in some", "two recordings in one",
        "fields", "numbered at the end", "any name", "nearly one name", "brackets", "positions",
        "an axis lacks in some", "the first is another",
    ],
)  # fmt: skip
def test_axes_are_what_the_recordings_share(signals: list[list[str]], axes: list[str]) -> None:
    assert common_axes([(str(k), names) for k, names in enumerate(signals)]).axes == axes


def bearings(root: Path, content: Callable[[int, np.ndarray], dict[str, object]]) -> Path:
    for k in range(6):
        folder = root / ("worn" if k % 2 else "good")
        folder.mkdir(exist_ok=True)
        savemat(folder / f"{97 + k}.mat", content(97 + k, np.arange(50.0) + k))
    (root / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["good"]\n[vibration]\nrate_hz = 12000\n'
    )
    return root


@pytest.mark.parametrize(
    ("content", "axis"),
    [
        (lambda n, x: {f"X{n:03d}_DE_time": x, f"X{n:03d}RPM": 1797}, "*_DE_time"),
        (lambda n, x: {f"run{n}": {"gs": x, "rate": 25.0}}, "*.gs"),
        (lambda n, x: {chr(n): x, "t": np.arange(50) / 12e3, "gains": np.ones(3)}, "*"),
    ],
    ids=["cwru", "structures", "any name, with times and settings"],
)
def test_a_set_of_differently_named_signals_is_read_without_a_setting(
    tmp_path: Path, content: Callable[[int, np.ndarray], dict[str, object]], axis: str
) -> None:
    dataset = load_dataset(bearings(tmp_path, content))
    assert dataset.config.vibration is not None
    assert dataset.config.vibration.axes == [axis]
    assert [said for said in dataset.decisions if axis in said]
    for index, sample in enumerate(dataset.samples):
        recording = read_sample(dataset, index)
        assert recording.signal[0, 0] == int(Path(sample.path).stem) - 97
    savemat(tmp_path / "new.mat", content(120, np.arange(50.0)))
    assert read_recording(tmp_path / "new.mat", [axis], 12000).signal.shape == (50, 1)


def test_a_set_in_which_nothing_can_be_read_says_so_with_the_first_reason(tmp_path: Path) -> None:
    root = bearings(tmp_path, lambda _, x: {"cells": np.array([x, "x"], object)})
    with pytest.raises(
        DatasetError,
        match=r"101\.mat: .*only cells \(cell array\) \(none of 6 recordings can be read\): save",
    ):
        load_dataset(root)


def test_one_table_does_not_outvote_many_wavs(tmp_path: Path) -> None:
    for label in ("ok", "worn"):
        (tmp_path / label).mkdir()
        for place in range(4):
            with wave.open(str(tmp_path / label / f"{place}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(8000)
                file.writeframes(np.arange(100, dtype="<i2").tobytes())
    (tmp_path / "ok" / "0_attributes.csv").write_text("file_name,d1p,d1v\nok/0.wav,vel,1\n")
    vibration = load_dataset(tmp_path).config.vibration
    assert vibration is not None
    assert vibration.axes == ["0"]
