from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy.io import savemat, wavfile

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.recordings import read_recording, recording_signals

SIGNAL = (np.random.default_rng(0).normal(0, 0.2, (500, 2))).astype(np.float32)


def test_files_of_all_kinds_agree(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", 1000, SIGNAL)
    np.savetxt(tmp_path / "a.csv", SIGNAL, delimiter=",", header="x,y", comments="", fmt="%.9g")
    np.savez(tmp_path / "a.npz", x=SIGNAL[:, 0], y=SIGNAL[:, 1], rate_hz=1000.0)
    np.save(tmp_path / "a.npy", SIGNAL)
    savemat(tmp_path / "a.mat", {"x": SIGNAL[:, :1], "y": SIGNAL[:, 1:]})
    parquet.write_table(pa.table({"x": SIGNAL[:, 0], "y": SIGNAL[:, 1]}), tmp_path / "a.parquet")
    for suffix in ("wav", "csv", "npz", "npy", "mat", "parquet"):
        axes = ["0", "1"] if suffix in ("wav", "npy") else ["x", "y"]
        recording = read_recording(tmp_path / f"a.{suffix}", axes, 1000)
        assert np.array_equal(recording.signal, SIGNAL), suffix
        assert recording.rate_hz == 1000


@pytest.mark.parametrize("saved", [SIGNAL, SIGNAL.T], ids=["samples-first", "axes-first"])
def test_the_signals_of_a_npy_are_numbered(tmp_path: Path, saved: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", saved)
    assert recording_signals(tmp_path / "a.npy").names == ["0", "1"]
    assert np.array_equal(read_recording(tmp_path / "a.npy", ["1"], 9).signal, SIGNAL[:, 1:])


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_pcm_is_a_fraction_of_full_scale(tmp_path: Path, width: int) -> None:
    peak = 2 ** (8 * width - 1)
    values = [0, peak // 2, -peak // 2]
    shift = 128 if width == 1 else 0
    body = b"".join((v + shift).to_bytes(width, "little", signed=width > 1) for v in values)
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as sink:
        sink.setnchannels(1)
        sink.setsampwidth(width)
        sink.setframerate(8000)
        sink.writeframes(body)
    recording = read_recording(path, ["0"], unit="fs")
    assert recording.signal[:, 0].tolist() == [0, 0.5, -0.5]
    assert recording.rate_hz == 8000


def test_headerless_csv_is_read_by_position(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2,3\n4,5,6\n")
    recording = read_recording(tmp_path / "a.csv", ["0", "2"], 200)
    assert recording.signal.tolist() == [[1, 3], [4, 6]]


def test_axis_may_be_a_pattern(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"X097_DE_time": SIGNAL, "X097_FE_time": SIGNAL[:, :1]})
    savemat(tmp_path / "b.mat", {"X098_DE_time": SIGNAL[:, :1], "X098_FE_time": SIGNAL[:, 1:]})
    assert read_recording(tmp_path / "b.mat", ["*DE_time"], 1).signal.shape == (500, 1)
    with pytest.raises(InputError, match="no column matches axis 'acc'; the file has X098_DE"):
        read_recording(tmp_path / "b.mat", ["acc"], 1)
    with pytest.raises(InputError, match="2 columns match"):
        read_recording(tmp_path / "b.mat", ["X*"], 1)


def test_rates_that_disagree_are_refused(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", 1000, SIGNAL)
    with pytest.raises(InputError, match="the file says 1000 Hz, the configuration 2000 Hz"):
        read_recording(tmp_path / "a.wav", ["0"], 2000)


def test_missing_rate_is_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=SIGNAL[:, 0])
    with pytest.raises(InputError, match="no sampling rate: give rate_hz"):
        read_recording(tmp_path / "a.npz", ["x"])


TRUNCATED_WAV = b"RIFF\xff\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 8, 16, 2, 16)


@pytest.mark.parametrize(
    ("name", "payload", "said"),
    [
        ("a.wav", b"", "the file is empty"),
        ("a.wav", b"ID3 music", "not a RIFF/WAVE file"),
        ("a.wav", TRUNCATED_WAV + b"data\xff\0\0\0ab", "truncated .wav"),
        ("a.csv", b"time,x\n1,2\n3\n", "not a table of numbers"),
        ("a.csv", b"x\nhello\n", "not a table of numbers"),
        ("a.npz", b"PK\x03\x04", "not a readable .npz"),
        ("a.npy", b"\x93NUMPY\x01\x00", "not a readable .npy"),
        ("a.mat", b"MATLAB 5.0 MAT-file" + b" " * 200, "not a readable MATLAB 5"),
        ("a.parquet", b"PAR1", "not a readable Parquet"),
        ("a.mp3", b"x", "no reader for '.mp3'"),
    ],
    ids=[
        "empty",
        "not-wav",
        "cut-wav",
        "ragged",
        "words",
        "npz",
        "npy",
        "mat",
        "parquet",
        "suffix",
    ],
)
def test_bad_file_is_named(tmp_path: Path, name: str, payload: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(payload)
    with pytest.raises(InputError, match=said) as caught:
        read_recording(tmp_path / name, ["0"], 100)
    assert name in str(caught.value)
    assert caught.value.cure


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.wav: cannot be read"):
        read_recording(tmp_path / "none.wav", ["0"])


@pytest.mark.parametrize("rate_hz", [0.0, -5.0, np.nan, np.inf])
def test_rate_that_is_none_is_refused(tmp_path: Path, rate_hz: float) -> None:
    np.savez(tmp_path / "a.npz", x=SIGNAL[:, 0], rate_hz=rate_hz)
    for asked in (None, 1000.0):
        with pytest.raises(InputError, match=r"a\.npz: the file says"):
            read_recording(tmp_path / "a.npz", ["x"], asked)


def test_of_several_recordings_in_one_file_the_one_of_its_number_is_read(tmp_path: Path) -> None:
    arrays = {"X098_DE_time": SIGNAL[:, 0], "X099_DE_time": SIGNAL[:, 1]}
    np.savez(tmp_path / "99.npz", **arrays)
    read = read_recording(tmp_path / "99.npz", ["*_DE_time"], 100)
    assert np.array_equal(read.signal[:, 0], SIGNAL[:, 1])
    np.savez(tmp_path / "run.npz", **arrays)
    with pytest.raises(InputError, match=r'or leave it out: exclude = \["\*\*/run\.npz"\]'):
        read_recording(tmp_path / "run.npz", ["*_DE_time"], 100)
