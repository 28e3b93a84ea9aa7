"""Vibration recordings from files: .wav .csv .npz .mat (v5) .parquet -> Recording.

The workshop and the station read the same file to the same samples. scipy (for .mat) and pyarrow
(for .parquet) are loaded only when such a file comes; a station without them is told what to do.
"""

from __future__ import annotations

import csv
import io
import struct
import zipfile
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.parquet import read_parquet_table
from edge_agent.contracts.core.types import Recording

Columns = dict[str, NDArray[np.float32]]
"""Axis name -> float32 (T,), in file order."""

RATE_KEYS = ("rate_hz", "fs", "sample_rate")


def read_recording(
    path: Path,
    axes: list[str],
    rate_hz: float | None = None,
    unit: str = "g",
    rpm: float | None = None,
) -> Recording:
    """Read the named axes of one recording.

    `axes` are column names, positions ("0"), or patterns ("*DE_time"), each naming one column.
    The rate given by the caller must agree with the one in the file, where the file has one.
    The shaft's speed is the caller's, else the one in a .npz or .mat (`rpm`, `*RPM`), else unknown.
    Raises InputError that names the file and what was found in it.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"no reader for {path.suffix or 'a file without suffix'!r}",
            where=str(path),
            cure=f"give one of {' '.join(sorted(READERS))}",
        )
    try:
        if path.stat().st_size == 0:
            raise InputError("the file is empty", where=str(path), cure="record it again")
        columns, file_hz = reader(path)
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror or error})", where=str(path), cure="check the file"
        ) from error
    chosen = [_pick(columns, axis, path) for axis in axes]
    signal = np.stack([columns[name] for name in chosen], axis=1)
    speed = _rpm_within(path) if rpm is None else rpm
    return Recording(signal, _rate(file_hz, rate_hz, path), tuple(axes), unit, str(path), speed)


def _pick(columns: Columns, axis: str, path: Path) -> str:
    names = list(columns)
    if axis in columns:
        return axis
    if axis.isascii() and axis.isdigit() and int(axis) < len(names):
        return names[int(axis)]
    found = [name for name in names if fnmatchcase(name, axis)]
    if len(found) == 1:
        return found[0]
    fault = f"{len(found)} columns match" if found else "no column matches"
    raise InputError(
        f"{fault} axis {axis!r}; the file has {', '.join(names[:8])}",
        where=str(path),
        cure="name the axes in dataset.toml or station.toml",
    )


def _rate(file_hz: float | None, rate_hz: float | None, path: Path) -> float:
    if rate_hz is None and file_hz is None:
        raise InputError(
            "no sampling rate", where=str(path), cure="give rate_hz in the configuration"
        )
    if file_hz is not None and not 0 < file_hz < np.inf:
        raise InputError(
            f"the file says {file_hz:g} Hz", where=str(path), cure="record it again, or correct it"
        )
    if rate_hz is not None and file_hz is not None and abs(rate_hz / file_hz - 1) > 0.001:
        raise InputError(
            f"the file says {file_hz:g} Hz, the configuration {rate_hz:g} Hz",
            where=str(path),
            cure="correct rate_hz",
        )
    return float(file_hz if rate_hz is None else rate_hz)  # type: ignore[arg-type]


def _rpm_within(path: Path) -> float | None:
    """The one number that a .npz or .mat calls rpm, or ends in it; None where there is none."""
    numbers: list[float] = []
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as content:
            named = [name for name in content.files if name.lower().endswith("rpm")]
            numbers = [float(content[name].ravel()[0]) for name in named if content[name].size == 1]
    elif path.suffix.lower() == ".mat":
        from scipy.io import loadmat, whosmat

        named = [name for name, _, _ in whosmat(str(path)) if name.lower().endswith("rpm")]
        values = loadmat(str(path), variable_names=named) if named else {}
        numbers = [float(values[name].ravel()[0]) for name in named if values[name].size == 1]
    return numbers[0] if len(numbers) == 1 and 0 < numbers[0] < 1e6 else None


def _read_wav(path: Path) -> tuple[Columns, float | None]:
    """PCM 8/16/24/32 bit as fractions of full scale, IEEE float as it is (RIFF/WAVE, 1991)."""
    payload = path.read_bytes()
    if payload[:4] != b"RIFF" or payload[8:12] != b"WAVE":
        raise InputError("not a RIFF/WAVE file", where=str(path), cure="give a .wav file")
    chunks = _wav_chunks(payload)
    if b"fmt " not in chunks or len(chunks[b"fmt "]) < 16 or b"data" not in chunks:
        raise InputError("truncated .wav", where=str(path), cure="copy the file again")
    code, channels, rate, _, block, bits = struct.unpack("<HHIIHH", chunks[b"fmt "][:16])
    if code == 0xFFFE and len(chunks[b"fmt "]) >= 26:
        code = struct.unpack("<H", chunks[b"fmt "][24:26])[0]
    body = chunks[b"data"]
    if not channels or block != channels * bits // 8 or not body or len(body) % block:
        raise InputError("truncated .wav", where=str(path), cure="copy the file again")
    samples = _wav_samples(body, code, bits, path).reshape(-1, channels)
    return {str(axis): samples[:, axis] for axis in range(channels)}, float(rate)


def _wav_chunks(payload: bytes) -> dict[bytes, bytes]:
    chunks: dict[bytes, bytes] = {}
    place = 12
    while place + 8 <= len(payload):
        name, size = struct.unpack("<4sI", payload[place : place + 8])
        body = payload[place + 8 : place + 8 + size]
        if len(body) == size:
            chunks.setdefault(name, body)
        place += 8 + size + size % 2
    return chunks


def _wav_samples(body: bytes, code: int, bits: int, path: Path) -> NDArray[np.float32]:
    if code == 3 and bits in (32, 64):
        return np.frombuffer(body, f"<f{bits // 8}").astype(np.float32)
    if code == 1 and bits == 8:
        return (np.frombuffer(body, np.uint8).astype(np.float32) - 128) / np.float32(128)
    if code == 1 and bits in (16, 32):
        return np.frombuffer(body, f"<i{bits // 8}").astype(np.float32) / np.float32(
            2 ** (bits - 1)
        )
    if code == 1 and bits == 24:
        bytes3 = np.frombuffer(body, np.uint8).reshape(-1, 3)
        wide = np.concatenate([np.zeros((len(bytes3), 1), np.uint8), bytes3], axis=1)
        return (wide.copy().view("<i4")[:, 0] / np.float32(2**31)).astype(np.float32)
    raise InputError(
        f"WAVE format {code} with {bits} bits", where=str(path), cure="save as PCM or float"
    )


def _read_csv(path: Path) -> tuple[Columns, float | None]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        delimiter = ";" if ";" in text.split("\n", 1)[0] else ","
        first = next(csv.reader(io.StringIO(text), delimiter=delimiter))
        header = not all(_is_number(cell) for cell in first)
        table = np.loadtxt(
            io.StringIO(text), np.float32, delimiter=delimiter, skiprows=int(header), ndmin=2
        )
    except (ValueError, StopIteration, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"not a table of numbers ({error})", where=str(path), cure="give numeric columns"
        ) from error
    if not table.size:
        raise InputError("no rows", where=str(path), cure="record it again")
    names = [cell.strip() for cell in first] if header else [str(n) for n in range(len(first))]
    return {name: table[:, place] for place, name in enumerate(names)}, None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_npz(path: Path) -> tuple[Columns, float | None]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(
            f"not a readable .npz ({error})", where=str(path), cure="save it again"
        ) from error
    return _columns(arrays, path)


def _read_mat(path: Path) -> tuple[Columns, float | None]:
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise InputError(
            "reading .mat needs scipy", where=str(path), cure="pip install scipy, or save as .npz"
        ) from error
    try:
        content = loadmat(str(path))
    except (ValueError, TypeError, NotImplementedError, MatReadError, EOFError) as error:
        raise InputError(
            f"not a readable MATLAB 5 file ({error})", where=str(path), cure="save with -v6 or -v7"
        ) from error
    return _columns({k: v for k, v in content.items() if not k.startswith("__")}, path)


def _read_parquet(path: Path) -> tuple[Columns, float | None]:
    table = read_parquet_table(path)
    return _columns({name: table[name].to_numpy() for name in table.column_names}, path)


def _columns(arrays: dict[str, Any], path: Path) -> tuple[Columns, float | None]:
    """Vectors become columns, a (T, C) matrix `name.0`, `name.1`; a scalar may be the rate."""
    columns: Columns = {}
    rate: float | None = None
    for name, value in arrays.items():
        array = np.asarray(value)
        if array.dtype.kind not in "fiu":
            continue
        squeezed = np.squeeze(array)
        if squeezed.ndim == 0:
            rate = float(squeezed) if name in RATE_KEYS else rate
        elif squeezed.ndim == 1:
            columns[name] = squeezed.astype(np.float32)
        elif squeezed.ndim == 2:
            matrix = squeezed if squeezed.shape[0] >= squeezed.shape[1] else squeezed.T
            for axis in range(matrix.shape[1]):
                columns[f"{name}.{axis}"] = matrix[:, axis].astype(np.float32)
    if not columns:
        raise InputError("no numeric arrays", where=str(path), cure="save the signal as numbers")
    return columns, rate


READERS: dict[str, Callable[[Path], tuple[Columns, float | None]]] = {
    ".wav": _read_wav,
    ".csv": _read_csv,
    ".npz": _read_npz,
    ".mat": _read_mat,
    ".parquet": _read_parquet,
}
"""Suffix -> reader."""
