"""Structures of .mat files; the truth comes from scipy, which writes and reads them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.mat import DEEPEST, HEADER, read_mat
from edge_agent.contracts.vibration.recordings import read_recording, recording_signals

X, Y = np.sin(np.arange(300.0)), np.cos(np.arange(300.0))
PARTS = np.zeros((1, 2), [("Name", object), ("Data", object)])
PARTS[0, 0], PARTS[0, 1] = ("force", np.arange(7.0)), ("vibration", X)


def written(folder: Path, content: dict[str, Any], *, packed: bool = True) -> Path:
    savemat(folder / "a.mat", content, do_compression=packed)
    return folder / "a.mat"


@pytest.mark.parametrize("packed", [False, True], ids=["v6", "v7"])
def test_fields_are_those_that_scipy_reads(tmp_path: Path, packed: bool) -> None:
    content = {
        "bearing": {"sr": 97656.0, "gs": X[:, None], "note": "Prüfling", "cells": [X, "x"]},
        "rig": {"acc": {"x": X.astype(np.float32), "y": Y}, "counts": np.arange(5, dtype=np.int16)},
        "Y": PARTS,
        "plain": Y,
    }
    path = written(tmp_path, content, packed=packed)
    truth, found = loadmat(path, squeeze_me=True, struct_as_record=False), read_mat(path)
    assert list(found) == [
        "bearing.sr", "bearing.gs", "bearing.note", "bearing.cells", "rig.acc.x", "rig.acc.y",
        "rig.counts", "Y(1).Name", "Y(1).Data", "Y(2).Name", "Y(2).Data", "plain",
    ]  # fmt: skip
    bearing, rig, parts = truth["bearing"], truth["rig"], truth["Y"]
    for name, wanted in (
        ("bearing.sr", bearing.sr),
        ("bearing.gs", bearing.gs),
        ("rig.acc.x", rig.acc.x),
        ("rig.acc.y", rig.acc.y),
        ("rig.counts", rig.counts),
        ("Y(1).Data", parts[0].Data),
        ("Y(2).Data", parts[1].Data),
        ("plain", truth["plain"]),
    ):
        assert np.array_equal(np.squeeze(found[name]), wanted), name
        assert found[name].dtype == np.asarray(wanted).dtype
    assert found["bearing.note"].tolist() == [bearing.note]
    assert found["Y(2).Name"].tolist() == [parts[1].Name]
    assert found["bearing.cells"].tolist() == ["cell array"]


def test_the_signals_of_a_structure_are_read_at_the_rate_it_states(tmp_path: Path) -> None:
    """As the bearing records of the MFPT: `rate` is the shaft's there, `sr` the sampling rate."""
    path = written(tmp_path, {"bearing": {"sr": 97656.0, "gs": X, "load": 270.0, "rate": 25.0}})
    assert recording_signals(path).names == ["bearing.gs"]
    recording = read_recording(path, ["bearing.gs"])
    assert recording.rate_hz == 97656
    assert np.array_equal(recording.signal[:, 0], X.astype(np.float32))
    assert read_recording(path, ["*.gs"]).rate_hz == 97656
    with pytest.raises(InputError, match="the file says 97656 Hz, the configuration 48000 Hz"):
        read_recording(path, ["bearing.gs"], 48000)


@pytest.mark.parametrize(
    ("content", "rate_hz"),
    [
        ({"d": {"x": X, "Fs": 1000.0}}, 1000),
        ({"d": {"x": X, "sampling_rate": 1000.0}}, 1000),
        ({"d": {"acc": {"x": X}, "fs": 1000}}, 1000),
        ({"info": {"fs": 1000.0}, "d": {"x": X}}, 1000),
        ({"fs": 500.0, "d": {"x": X, "fs": 1000.0}}, 1000),
        ({"d": {"x": X, "rate": 1000.0}}, 1000),
        ({"d": {"x": X, "t": np.arange(300) / 1000}}, 1000),
        ({"x": X, "time_ms": np.arange(300.0)}, 1000),
        ({"other": {"t": np.arange(300) / 50}, "d": {"x": X}}, None),
        ({"d": {"x": X, "fs": "1 kHz"}}, None),
    ],
    ids=[
        "Fs", "long name", "around", "beside", "nearest", "rate", "times", "milliseconds",
        "times of another", "text",
    ],
)  # fmt: skip
def test_the_rate_is_found_where_it_is_stated(
    tmp_path: Path, content: dict[str, Any], rate_hz: float | None
) -> None:
    path = written(tmp_path, content)
    axis = "x" if "x" in content else "*.x"
    if rate_hz is None:
        with pytest.raises(InputError, match="no sampling rate"):
            read_recording(path, [axis])
        assert read_recording(path, [axis], usual_hz=640).rate_hz == 640
        return
    assert read_recording(path, [axis], usual_hz=640).rate_hz == pytest.approx(rate_hz)


def test_signals_of_different_rates_are_not_mixed(tmp_path: Path) -> None:
    content = {"fast": {"x": X, "fs": 1000.0}, "slow": {"x": Y, "fs": 50.0}}
    path = written(tmp_path, content)
    assert read_recording(path, ["slow.x"]).rate_hz == 50
    with pytest.raises(InputError, match=r"different rates: fast\.x at 1000 Hz, slow\.x at 50 Hz"):
        read_recording(path, ["fast.x", "slow.x"])


def test_settings_and_times_beside_a_signal_are_no_axes(tmp_path: Path) -> None:
    content = {"d": {"time": np.arange(300.0), "x": X, "filter": np.arange(9.0), "fs": 10.0}}
    assert recording_signals(written(tmp_path, content)).names == ["d.x"]


def test_the_speed_may_lie_in_a_structure(tmp_path: Path) -> None:
    path = written(tmp_path, {"d": {"x": X, "fs": 10.0, "rpm": 1796}})
    assert read_recording(path, ["d.x"]).rpm == 1796


def test_a_structure_without_numbers_says_what_it_holds(tmp_path: Path) -> None:
    cells = np.array([X, "x"], object)
    path = written(tmp_path, {"d": {"x": cells, "who": "me", "z": X * 1j}})
    with pytest.raises(
        InputError,
        match=r"only d\.x \(cell array\), d\.who \(me\), d\.z \(complex numbers\): save the signal",
    ):
        read_recording(path, ["0"], 100)


def test_a_field_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    path = written(tmp_path, {"d": {"x": X, "y": Y}})
    with pytest.raises(InputError, match=r"no column matches axis 'x'; the file has d\.x, d\.y"):
        read_recording(path, ["x"], 100)


def test_structures_within_structures_end_somewhere(tmp_path: Path) -> None:
    content: dict[str, Any] = {"x": X}
    for _ in range(DEEPEST):
        content = {"s": content}
    assert [array.size for array in read_mat(written(tmp_path, content)).values()] == [300]
    with pytest.raises(InputError, match="nested deeper than 16 structures"):
        read_mat(written(tmp_path, {"s": content}))


def test_empty_structures_and_fields_are_left_out(tmp_path: Path) -> None:
    nothing = np.zeros((0, 0), [("x", object)])
    path = written(tmp_path, {"none": nothing, "d": {"x": X, "empty": nothing}})
    assert list(read_mat(path)) == ["d.x"]


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data.ljust(-(-len(data) // 8) * 8, b"\0")


def test_an_object_of_matlab_is_named(tmp_path: Path) -> None:
    """A timetable, with what MATLAB writes of it into a variable without a name."""
    path = written(tmp_path, {"x": X}, packed=False)
    words = struct.pack("<II", 17, 0)
    names = element(1, b"tt") + element(1, b"MCOS") + element(1, b"timetable")
    reference = element(6, struct.pack("<II", 13, 0)) + element(5, struct.pack("<ii", 1, 1))
    reference += element(1, b"") + element(6, struct.pack("<I", 0xDD000000))
    opaque = element(14, element(6, words) + names + element(14, reference))
    workspace = element(6, struct.pack("<II", 9, 0)) + element(5, struct.pack("<ii", 1, 8))
    workspace += element(1, b"") + element(2, b"\0\1IM\0\0\0\0")
    path.write_bytes(path.read_bytes() + opaque + element(14, workspace))
    assert loadmat(path)["None"]["s2"][0] == b"timetable"
    found = read_mat(path)
    assert list(found) == ["x", "tt"]
    assert found["tt"].tolist() == ["timetable, an object of MATLAB"]


@pytest.mark.parametrize("userblock", [0, 512], ids=["hdf5", "with a header of MATLAB"])
def test_a_file_of_version_7_3_is_named_as_such(tmp_path: Path, userblock: int) -> None:
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=userblock) as file:
        file["x"] = X
    if userblock:
        head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
        path.write_bytes(head + path.read_bytes()[len(head) :])
    with pytest.raises(InputError, match=r"version 7\.3\): save with -v6 or -v7"):
        read_recording(path, ["x"], 100)


def test_every_cut_and_changed_byte_of_a_structure_is_read_or_refused(tmp_path: Path) -> None:
    path = written(tmp_path, {"d": {"x": np.arange(4.0), "e": {"y": 1.0}}}, packed=False)
    payload = path.read_bytes()
    for size in range(HEADER + 1, len(payload) - 1):
        path.write_bytes(payload[:size])
        with pytest.raises(InputError, match=r"a\.mat"):
            read_mat(path)
    for at in range(HEADER, len(payload)):
        for value in (0x00, 0x01, 0x0F, 0x7F, 0xFF):
            changed = bytearray(payload)
            changed[at] = value
            path.write_bytes(changed)
            try:
                arrays = read_mat(path)
            except InputError:
                continue
            assert all(array.size <= 80 for array in arrays.values())
