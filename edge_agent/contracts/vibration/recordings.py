"""Vibration recordings from files: .wav .csv .npz .npy .mat (v5) .parquet -> Recording.

The workshop and the station read the same file to the same samples. pyarrow (for .parquet) is
loaded only when such a file comes; a station without it is told what to do.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.parquet import read_parquet_table
from edge_agent.contracts.core.reading import reading
from edge_agent.contracts.core.text import repeated_name
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.vibration.clock import RATE_CURE, TIMES_OFF
from edge_agent.contracts.vibration.content import Content, content_of, rate_of_file
from edge_agent.contracts.vibration.csv_recording import csv_columns, read_csv
from edge_agent.contracts.vibration.input import VibrationInput, refuse_other_rate
from edge_agent.contracts.vibration.mat import read_mat
from edge_agent.contracts.vibration.wav import holds_fractions, read_wav, wav_channels

MOST_BYTES = 1 << 31
FRACTION = "fs"
"""The unit of samples that are fractions of full scale."""
_CONTENT = {
    ".csv": "a table of numbers",
    ".wav": "a readable .wav",
    ".npz": "a readable .npz",
    ".npy": "a readable .npy",
    ".mat": "a readable MATLAB 5 file",
    ".parquet": "a readable Parquet file",
}


class Signals(NamedTuple):
    """names: of the columns that are signals, in file order; ramps: those of them that do nothing
    but rise or fall at one pace over the whole recording, as times and counters of samples do."""

    names: list[str]
    ramps: list[str]


def read_recording(
    path: Path,
    axes: list[str],
    rate_hz: float | None = None,
    unit: str = "g",
    rpm: float | None = None,
    full_scale_g: float | None = None,
    usual_hz: float | None = None,
) -> Recording:
    """Read the named axes of one recording.

    A .wav of whole numbers holds fractions of full scale: full_scale_g says how many g that is.
    With unit = "fs" the fractions are taken as they are; another unit without it is refused.

    `axes` are column names, positions ("0"), or patterns ("*DE_time"), each naming one column.
    The rate given by the caller must agree with the one in the file, where the file has one;
    `usual_hz` is taken where neither the caller nor the file says one.
    The shaft's speed is the caller's, else the one in a .npz or .mat (`rpm`, `*RPM`), else unknown.
    Raises InputError that names the file and what was found in it.
    """
    reader = _reader(path)
    with _reading(path):
        content = reader(path)
        factor = _factor(path, unit, full_scale_g)
        speed = _rpm_within(content.arrays, path) if rpm is None else rpm
        chosen = _chosen(content, axes, path)
        known_hz, clock = _rate(content, chosen, rate_hz, usual_hz, path)
    signal = np.stack([content.columns[name] for name in chosen], axis=1)
    if factor != 1:
        signal *= np.float32(factor)
    return Recording(signal, known_hz, tuple(axes), unit, str(path), speed, clock)


def read_for_model(
    path: Path,
    spec: VibrationInput,
    axes: list[str] | None = None,
    rate_hz: float | None = None,
    rpm: float | None = None,
    full_scale_g: float | None = None,
) -> Recording:
    """Read one recording as a model takes it; what nobody states is as the model was trained.

    Raises InputError as read_recording and refuse_other_rate do.
    """
    given = (rate_hz, spec.unit, rpm, full_scale_g, spec.rate_hz)
    recording = read_recording(path, axes or spec.axes, *given)
    unsaid = f"--rate-hz {recording.rate_hz:g}" if rate_hz is None else ""
    refuse_other_rate(recording.rate_hz, spec.rate_hz, str(path), unsaid)
    return recording


def recording_signals(path: Path) -> Signals:
    """The columns of a recording that are signals, and which of these are ramps; raises InputError.

    The samples of a .wav are not read, and of a .csv those alone that its first lines hold.
    """
    with _reading(path):
        head = _head(path)
        # A ramp may end below the first lines; all other heads are the whole, or hold no samples.
        whole = read_csv(path) if head.ramps and _reader(path) is read_csv else head
        return Signals(head.signals, whole.ramps)


def _reader(path: Path) -> Callable[[Path], Content]:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"no reader for {path.suffix or 'a file without suffix'!r}",
            where=str(path),
            cure=f"give one of {' '.join(sorted(READERS))}",
        )
    return reader


def _head(path: Path) -> Content:
    """What a recording holds; of a .csv and a .wav as much as their beginnings tell."""
    reader = _reader(path)
    if reader is _read_wav:
        return _wav_head(path)
    return csv_columns(path) if reader is read_csv else reader(path)


_NUMBER = re.compile(r"[0-9]+")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Faults of a reader as InputError; an empty file is one."""
    with reading(str(path), _CONTENT.get(path.suffix.lower(), "readable")):
        if path.stat().st_size == 0:
            raise InputError("the file is empty", where=str(path), cure="record it again")
        yield


def _chosen(content: Content, axes: list[str], path: Path) -> list[str]:
    """The columns of the axes, of one length."""
    chosen = [_pick(content, axis, path) for axis in axes]
    twice = repeated_name(chosen)
    if twice is not None:
        same = " and ".join(repr(a) for a, name in zip(axes, chosen, strict=True) if name == twice)
        raise InputError(
            f"axes {same} are both column {twice!r}", where=str(path), cure="name each once"
        )
    lengths = {len(content.columns[name]) for name in chosen}
    if len(lengths) > 1:
        raise InputError(
            f"axes of different lengths: {', '.join(map(str, sorted(lengths)))} samples",
            where=str(path),
            cure="record them together",
        )
    return chosen


def _factor(path: Path, unit: str, full_scale_g: float | None) -> float:
    """What samples are multiplied by to be in `unit`."""
    if unit == FRACTION or not holds_fractions(path):
        return 1.0
    if full_scale_g is None or unit != "g":
        raise InputError(
            f"its samples are fractions of full scale, {unit!r} is asked",
            where=str(path),
            cure='say how many g full scale is: full_scale_g = ..., with unit = "g"; or take the '
            f'fractions as they are: unit = "{FRACTION}"',
        )
    return full_scale_g


def _pick(content: Content, axis: str, path: Path) -> str:
    """The column of an axis. Of several that match a pattern, the only one that is a signal."""
    names = list(content.columns)
    for name in (axis, axis.lstrip("#%/ ")):  # a header in a comment once kept its # in the name
        if name in content.columns:
            return name
    if axis.isascii() and axis.isdigit() and int(axis) < len(names):
        return names[int(axis)]
    found = [name for name in names if fnmatchcase(name, axis)]
    if len(found) > 1:
        found = [name for name in found if name in content.signals] or found
    if len(found) > 1:
        found = [name for name in found if name not in content.ramps] or found
    if len(found) > 1:
        found = _numbered_as(path, found) or found
    if len(found) == 1:
        return found[0]
    fault = f"{len(found)} columns match" if found else "no column matches"
    raise InputError(
        f"{fault} axis {axis!r}; the file has {', '.join(names[:8])}",
        where=str(path),
        cure="name the axes: axes = [...] in dataset.toml or station.toml, --axes of predict"
        + (f'; or leave it out: exclude = ["**/{path.name}"] in dataset.toml' if found else ""),
    )


def _numbered_as(path: Path, names: Sequence[str]) -> list[str]:
    """Those of the names that have the first number of the file's: X099_DE_time of 99.mat."""
    of_file = _NUMBER.search(path.stem)
    numbered = {name: _NUMBER.search(name) for name in names}
    return [
        name
        for name, found in numbered.items()
        if found and of_file and int(found[0]) == int(of_file[0])
    ]


def _rate(
    content: Content,
    chosen: list[str],
    rate_hz: float | None,
    usual_hz: float | None,
    path: Path,
) -> tuple[float, str]:
    """The rate, and the name of the column of times that it is taken from as if in seconds."""
    file_hz, untold = content.stated_hz(chosen, path), ""
    if file_hz is None and (rate_hz is None or content.clock is not None):
        clock = content.beside(chosen, path)
        about_hz = usual_hz if rate_hz is None else rate_hz
        file_hz = content.number_named_rate() if clock is None else clock.rate_hz(about_hz, path)
        untold = clock.name if clock and clock.unit_s is None and about_hz is None else ""
    if file_hz is not None and not 0 < file_hz < np.inf:
        raise InputError(
            f"the file says {file_hz:g} Hz", where=str(path), cure="record it again, or correct it"
        )
    off = 0.001 if path.suffix.lower() != ".csv" else TIMES_OFF
    if rate_hz is not None and file_hz is not None and abs(rate_hz / file_hz - 1) > off:
        raise InputError(
            f"the file says {file_hz:g} Hz, the configuration {rate_hz:g} Hz",
            where=str(path),
            cure="correct rate_hz",
        )
    known = next((one for one in (rate_hz, file_hz, usual_hz) if one is not None), None)
    if known is None:
        raise InputError("no sampling rate", where=str(path), cure=RATE_CURE)
    return float(known), untold


def _rpm_within(arrays: Mapping[str, Any], path: Path) -> float | None:
    """The one number that a .npz or .mat calls rpm, or ends in it; None where there is none."""
    named = {name: np.asarray(value) for name, value in arrays.items() if _is_rpm(name)}
    numbers = [_speed(name, value, path) for name, value in named.items() if value.size == 1]
    return numbers[0] if len(numbers) == 1 else None


def _is_rpm(name: str) -> bool:
    return name.lower().endswith("rpm")


def _speed(name: str, value: NDArray[Any], path: Path) -> float:
    number = value.ravel()[0]
    speed = float(number) if value.dtype.kind in "fiu" else float("nan")
    if not 0 < speed < 1e6:
        raise InputError(
            f"{name} = {str(number)[:40]!r} is no speed", where=str(path), cure="give it in 1/min"
        )
    return speed


def _read_wav(path: Path) -> Content:
    columns, rate_hz = read_wav(path)
    return Content(columns, rate_of_file(rate_hz))


def _wav_head(path: Path) -> Content:
    channels = wav_channels(path)
    return Content({str(axis): np.zeros(1, np.float32) for axis in range(channels)})


def _read_npz(path: Path) -> Content:
    payload = path.read_bytes()
    if payload.startswith(b"\x93NUMPY"):
        return content_of({"0": np.load(io.BytesIO(payload), allow_pickle=False)}, path)
    with zipfile.ZipFile(io.BytesIO(payload)) as members:
        unpacked = sum(member.file_size for member in members.infolist())
    if unpacked > MOST_BYTES:
        raise InputError("unpacks to more than 2 GB", where=str(path), cure="split the recording")
    with np.load(io.BytesIO(payload), allow_pickle=False) as content:
        return content_of({name: content[name] for name in content.files}, path)


def _read_npy(path: Path) -> Content:
    """One array without a name: its signals are numbered, as those of a .csv without a header."""
    array = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    content = content_of({"0": array}, path)
    columns = {name.removeprefix("0."): column for name, column in content.columns.items()}
    return content._replace(columns=columns)


def _read_mat(path: Path) -> Content:
    return content_of(read_mat(path), path)


def _read_parquet(path: Path) -> Content:
    table = read_parquet_table(path)
    twice = repeated_name(table.column_names)
    if twice is not None:
        raise InputError(
            f"column {twice!r} is there twice", where=str(path), cure="give each one name"
        )
    return content_of({name: table[name].to_numpy() for name in table.column_names}, path)


READERS: dict[str, Callable[[Path], Content]] = {
    ".wav": _read_wav,
    ".csv": read_csv,
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".mat": _read_mat,
    ".parquet": _read_parquet,
}
"""Suffix -> reader."""
