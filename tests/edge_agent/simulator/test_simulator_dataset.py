from __future__ import annotations

import csv
import io
import json
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import wavfile

from edge_agent.__main__ import main
from edge_agent.contracts.image.decode import read_image
from edge_agent.contracts.vibration.recordings import read_recording
from edge_agent.simulator import motor, parts
from edge_agent.simulator.dataset import png_bytes, wav_bytes
from edge_agent.simulator.scene import render


def test_a_wav_of_the_simulator_is_one_to_scipy() -> None:
    signal = np.random.default_rng(1).normal(size=(500, 2)).astype(np.float32)
    rate_hz, read = wavfile.read(io.BytesIO(wav_bytes(signal, 12000.0)))
    assert rate_hz == 12000
    assert read.dtype == np.float32
    assert np.array_equal(read, signal)


def test_a_png_of_the_simulator_is_rgb() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    image[..., 0] = 200
    read = cv2.imdecode(np.frombuffer(png_bytes(image), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(read, image)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_images_carry_the_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "parts"
    words = ["--count", "45", "--seed", "4", "--size", "160x120", "--json"]
    assert main(["simulate", "images", "--out", str(out), *words]) == 0
    told = json.loads(capsys.readouterr().out)
    table = rows(out)
    assert told["count"] == len(table) == sum(told["labels"].values()) == 45
    for k, row in enumerate(table):
        part = parts.truth(4, k, 0.5)
        assert row["label"] == part.label == Path(row["path"]).parent.name
        assert np.array_equal(read_image(out / row["path"]), render(4, k, 160, 120, 0.5))
        box = part.box_px(160, 120)
        assert [row[side] for side in ("left", "top", "right", "bottom")] == [
            str(edge) for edge in box or ("", "", "", "")
        ]
    assert len({row["group"] for row in table}) == 3
    described = tomllib.loads((out / "dataset.toml").read_text())
    assert described["task"] == "image-class"
    assert described["good"] == ["good"]
    assert described["group"] in table[0]


def test_vibration_is_read_back_in_g(tmp_path: Path) -> None:
    out = tmp_path / "motors"
    words = ["--count", "25", "--seed", "2", "--seconds", "0.25", "--faults", "unbalance,outer"]
    assert main(["simulate", "vibration", "--out", str(out), *words]) == 0
    described = tomllib.loads((out / "dataset.toml").read_text())
    table = rows(out)
    assert len({row["group"] for row in table}) == 3
    for k, row in enumerate(table):
        run = motor.trial(2, k, 0.8, ["unbalance", "outer"])
        recording = read_recording(out / row["path"], described["vibration"]["axes"])
        assert row["label"] == run.label
        assert float(row["rpm"]) == pytest.approx(60 * run.shaft_hz, abs=0.06)
        assert recording.rate_hz == float(row["rate_hz"]) == described["vibration"]["rate_hz"]
        assert np.array_equal(recording.signal, motor.record(run, 3000, 12000.0))


def test_equal_seeds_write_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        main(
            ["simulate", "images", "--out", str(tmp_path / name), "--count", "3", "--size", "64x64"]
        )
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 5
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["images", "--size", "big"], 2, "give one as 640x480", id="size"),
        pytest.param(["images", "--size", "8x8"], 2, "64 to 4096", id="tiny"),
        pytest.param(["images", "--count", "0"], 2, "--count: 0 samples", id="count"),
        pytest.param(["images", "--defect-rate", "1.5"], 2, "give 0 to 1", id="rate"),
        pytest.param(["vibration", "--seconds", "0"], 2, "--seconds between", id="seconds"),
        pytest.param(["vibration", "--faults", "inner,rust"], 2, "one or more of", id="faults"),
        pytest.param(["vibration", "--seed", "-1"], 2, "give 0 or more", id="seed"),
    ],
)
def test_wrong_numbers_are_named(
    words: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", words[0], "--out", str(tmp_path / "new"), *words[1:]]) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_used_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "precious.txt").write_text("x")
    assert main(["simulate", "images", "--out", str(tmp_path)]) == 1
    assert "already holds something: name a new or an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
