from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.io import savemat, wavfile

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.recordings import READERS, read_recording

SIGNAL = (np.sin(np.arange(400) / 3) * 8000).astype(np.int16)


def wav(folder: Path) -> bytes:
    wavfile.write(folder / "whole.wav", 8000, SIGNAL)
    return (folder / "whole.wav").read_bytes()


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF], ids=["lost power", "pipe"])
def test_a_wav_that_does_not_know_its_length_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    payload = bytearray(wav(tmp_path))
    at = payload.index(b"data") + 4
    payload[4:8] = payload[at : at + 4] = struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(bytes(payload) + b"\1")
    recording = read_recording(tmp_path / "a.wav", ["0"], unit="fs")
    assert np.allclose(recording.signal[:, 0], SIGNAL / 32768)


def test_rf64_is_read(tmp_path: Path) -> None:
    payload = wav(tmp_path)
    at = payload.index(b"data")
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, 0, len(SIGNAL) * 2, len(SIGNAL), 0)
    long = b"RF64" + b"\xff" * 4 + b"WAVE" + ds64 + payload[12 : at + 4] + b"\xff" * 4
    (tmp_path / "a.wav").write_bytes(long + payload[at + 8 :])
    recording = read_recording(tmp_path / "a.wav", ["0"], unit="fs")
    assert np.allclose(recording.signal[:, 0], SIGNAL / 32768)


def test_compressed_wav_is_named_as_such(tmp_path: Path) -> None:
    payload = bytearray(wav(tmp_path))
    payload[20:22] = struct.pack("<H", 2)
    (tmp_path / "a.wav").write_bytes(payload)
    with pytest.raises(InputError, match=r"compressed .wav \(format 2\): save as PCM or float"):
        read_recording(tmp_path / "a.wav", ["0"], unit="fs")


def test_fractions_of_full_scale_are_no_g(tmp_path: Path) -> None:
    wav(tmp_path)
    path = tmp_path / "whole.wav"
    with pytest.raises(InputError, match=r"fractions of full scale, 'g' is asked: .*full_scale_g"):
        read_recording(path, ["0"])
    scaled = read_recording(path, ["0"], full_scale_g=16.0)
    assert scaled.unit == "g"
    assert np.allclose(scaled.signal[:, 0], SIGNAL / 32768 * 16)
    wavfile.write(tmp_path / "float.wav", 8000, (SIGNAL / 100).astype(np.float32))
    assert np.allclose(read_recording(tmp_path / "float.wav", ["0"]).signal[:, 0], SIGNAL / 100)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,x\n1,2,3.5\n4,5,6\n")
    for axis in ("x", "0", "2"):
        with pytest.raises(InputError, match="column 'x' is there twice: give each one name"):
            read_recording(tmp_path / "a.csv", [axis], 100)


@pytest.mark.parametrize(
    ("header", "rows", "samples"),
    [
        ("0,1,2\n", "5,6,7\n8,9,1\n", 2),
        ("0\n", "0.5\n0.25\n", 2),
        ("1,2\n", "0.5,1\n0.25,2\n", 2),
        ("", "0,1\n2,3\n", 2),
        ("", "1,2,3\n4,5,6\n", 2),
        ("", "0.0,1.0,2.0\n4.5,5,6\n", 2),
    ],
)
def test_a_line_that_numbers_the_columns_is_no_sample(
    tmp_path: Path, header: str, rows: str, samples: int
) -> None:
    (tmp_path / "a.csv").write_text(header + rows)
    assert len(read_recording(tmp_path / "a.csv", ["0"], 100).signal) == samples


def timed(folder: Path, name: str, times: np.ndarray) -> Path:
    rows = "".join(f"{t:.6f},{n % 7}\n" for n, t in enumerate(times))
    (folder / "a.csv").write_text(f"{name},x\n{rows}")
    return folder / "a.csv"


@pytest.mark.parametrize(
    ("name", "unit_s"),
    [("time", 1), ("Time [s]", 1), ("t_ms", 1e-3), ("Zeit (ms)", 1e-3), ("time_us", 1e-6)],
)
def test_a_time_column_says_the_rate(tmp_path: Path, name: str, unit_s: float) -> None:
    path = timed(tmp_path, name, np.arange(2000) / 250 / unit_s)
    assert read_recording(path, ["x"]).rate_hz == pytest.approx(250, rel=1e-3)
    assert read_recording(path, ["x"], 245).rate_hz == 245
    with pytest.raises(InputError, match=r"the file says 250 Hz, the configuration 500 Hz"):
        read_recording(path, ["x"], 500)


def test_a_time_column_that_jumps_or_falls_is_refused(tmp_path: Path) -> None:
    times = np.arange(500) / 100
    lost = np.concatenate([times[:200], times[300:]])
    with pytest.raises(InputError, match=r"jumps by 1\.01 s after row 200"):
        read_recording(timed(tmp_path, "time", lost), ["x"], 100)
    with pytest.raises(InputError, match="does not rise"):
        read_recording(timed(tmp_path, "time", times[::-1]), ["x"], 100)


@pytest.mark.parametrize("value", ["fast", -5.0, float("nan"), 0], ids=str)
@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_a_speed_that_is_none_is_refused_by_name(
    tmp_path: Path, value: object, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    content = {"x": np.arange(9.0), "rpm": np.array(value)}
    np.savez(path, **content) if suffix == ".npz" else savemat(path, content)
    if suffix == ".mat" and value == "fast":
        content["rpm"] = np.array(["fast"], dtype=object)
        savemat(path, content)
    with pytest.raises(InputError, match=r"rpm = .* is no speed"):
        read_recording(path, ["x"], 10)


def test_a_renamed_npy_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as stream:
        np.save(stream, np.arange(40.0).reshape(20, 2))
    assert read_recording(tmp_path / "a.npz", ["0.1"], 10).signal[:, 0].tolist()[:2] == [1, 3]


def test_axes_of_other_lengths_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones(9), y=np.ones(7))
    with pytest.raises(InputError, match="different lengths: 7, 9 samples"):
        read_recording(tmp_path / "a.npz", ["x", "y"], 10)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x\n1\n\n3\n", "line 3 is empty, between samples"),
        ("x\n1\n \t\n3\n", "line 3 is empty, between samples"),
        ("x\n1\n#2\n3\n", "not a table of numbers"),
        ("x\n1\n1_0\n3\n", "not a table of numbers"),
    ],
    ids=["blank line", "blanks", "comment", "underscore"],
)
def test_no_sample_of_a_csv_is_passed_over(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_recording(tmp_path / "a.csv", ["x"], 10)


def test_a_blank_line_at_the_end_is_no_hole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n2\n\n \t\n")
    assert len(read_recording(tmp_path / "a.csv", ["x"], 10).signal) == 2


def test_two_rates_that_contradict_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones(9), fs=100, rate_hz=50)
    with pytest.raises(InputError, match="rate_hz says 50 Hz, fs 100 Hz: save one rate"):
        read_recording(tmp_path / "a.npz", ["x"])


@pytest.mark.filterwarnings("error")
def test_a_sample_beyond_float32_is_infinite(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([1, 1e39, -1e300]))
    signal = read_recording(tmp_path / "a.npz", ["x"], 10).signal[:, 0]
    assert signal.tolist() == [1, np.inf, -np.inf]


@pytest.mark.parametrize("bits", [0, 12, 20, 64])
def test_bits_that_are_not_read_are_named(tmp_path: Path, bits: int) -> None:
    payload = bytearray(wav(tmp_path))
    payload[34:36] = struct.pack("<H", bits)
    (tmp_path / "a.wav").write_bytes(payload)
    with pytest.raises(InputError, match=rf"WAVE format 1 with {bits} bits: save as PCM"):
        read_recording(tmp_path / "a.wav", ["0"], unit="fs")


def wholes(folder: Path) -> dict[str, bytes]:
    np.savez(folder / "w.npz", x=np.arange(99.0), rpm=1500.0, fs=100.0)
    np.savez_compressed(folder / "c.npz", x=np.arange(99.0), rpm=1500.0)
    np.save(folder / "w.npy", np.arange(198.0).reshape(99, 2))
    savemat(folder / "w.mat", {"x": np.arange(99.0), "rpm": 1500.0})
    savemat(folder / "s.mat", {"d": {"x": np.arange(99.0), "fs": 100.0, "note": "s"}})
    pq.write_table(pa.table({"x": np.arange(99.0)}), folder / "w.parquet")
    (folder / "w.csv").write_text("time,x\n" + "".join(f"{n / 10},{n}\n" for n in range(99)))
    (folder / "w.wav").write_bytes(wav(folder))
    return {path.name: path.read_bytes() for path in sorted(folder.glob("?.*"))}


def fuzz_recordings(count: int, seed: int, folder: Path) -> None:
    rng = np.random.default_rng(seed)
    files = list(wholes(folder).items())
    for place in range(count):
        name, payload = files[place % len(files)]
        data = bytearray(payload)
        for _ in range(int(rng.integers(1, 5))):
            at = int(rng.integers(0, len(data)))
            how = int(rng.integers(0, 3))
            if how == 0:
                data[at] = int(rng.integers(0, 256))
            elif how == 1 and len(data) > 60:
                del data[at : at + int(rng.integers(1, 50))]
            else:
                data[at:at] = bytes(rng.integers(0, 256, int(rng.integers(1, 9)), np.uint8))
            data = data or bytearray(b"x")
        path = folder / f"mutated{Path(name).suffix}"
        path.write_bytes(data)
        try:
            assert np.ndim(read_recording(path, ["0"], 100, "fs").signal) == 2
        except InputError:
            continue


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(3))
def test_mutated_recordings_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    fuzz_recordings(100, seed, tmp_path)
    assert set(READERS) == {".wav", ".csv", ".npz", ".npy", ".mat", ".parquet"}


def test_two_axes_that_are_one_column_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n3,4\n")
    with pytest.raises(InputError, match="axes 'x' and '0' are both column 'x': name each once"):
        read_recording(path, ["x", "0"], 1000)
