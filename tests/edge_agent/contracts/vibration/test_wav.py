"""WAV files written by the standard library and scipy, read to the same samples."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.wav import holds_fractions, read_wav

VALUES = np.array([[-32768, 0], [16384, 1], [32767, -1]], "<i2")


def written(folder: Path, width: int, payload: bytes, channels: int = 2) -> Path:
    path = folder / "a.wav"
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(channels)
        stream.setsampwidth(width)
        stream.setframerate(8000)
        stream.writeframes(payload)
    return path


def test_16_bits_are_fractions_of_full_scale(tmp_path: Path) -> None:
    path = written(tmp_path, 2, VALUES.tobytes())
    columns, rate_hz = read_wav(path)
    assert rate_hz == 8000
    assert np.array_equal(np.stack(list(columns.values()), axis=1), VALUES / np.float32(32768))
    assert holds_fractions(path)


def test_24_bits_keep_their_sign(tmp_path: Path) -> None:
    samples = (-(1 << 23), -1, 0, 1, (1 << 23) - 1)
    payload = b"".join(value.to_bytes(3, "little", signed=True) for value in samples)
    columns, _ = read_wav(written(tmp_path, 3, payload, channels=1))
    assert columns["0"] == pytest.approx([value / (1 << 23) for value in samples], abs=1e-7)


def test_float_samples_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "f.wav"
    wavfile.write(path, 1000, np.array([0.5, -3.25], np.float32))
    columns, rate_hz = read_wav(path)
    assert (columns["0"].tolist(), rate_hz) == ([0.5, -3.25], 1000)
    assert not holds_fractions(path)


def test_a_recorder_that_lost_power_left_no_length(tmp_path: Path) -> None:
    path = written(tmp_path, 2, VALUES.tobytes())
    content = bytearray(path.read_bytes())
    content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(content) + b"\x01")  # half a sample
    columns, _ = read_wav(path)
    assert len(columns["0"]) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: b"RIFX" + content[4:], "not a RIFF/WAVE file"),
        (lambda content: content[:30], "truncated .wav"),
        (lambda content: content[:-3], "truncated .wav"),
        (lambda content: content[:20] + b"\x11\x00" + content[22:], "compressed .wav"),
    ],
    ids=["other file", "no data", "cut", "ADPCM"],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, change: object, message: str) -> None:
    path = written(tmp_path, 2, VALUES.tobytes())
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        read_wav(path)


def test_another_suffix_holds_no_fractions(tmp_path: Path) -> None:
    assert not holds_fractions(tmp_path / "a.csv")
