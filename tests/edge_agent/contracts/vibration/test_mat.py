"""The truth comes from scipy, which writes the files, and reads them where they are sound."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.mat import HEADER, read_mat
from edge_agent.contracts.vibration.recordings import read_recording

VARIABLES: dict[str, object] = {
    "X097_DE_time": np.linspace(-1, 1, 301)[:, None],
    "short": np.array([[1, 2], [3, 4], [5, 6]], np.int16),
    "whole": np.arange(6.0).reshape(2, 3),  # kept as doubles, and by MATLAB as bytes
    "cube": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "flag": np.array([True, False]),
    "wide": np.array([[2**63 - 1]], np.int64),
    "rpm": 1796,
    "none": np.zeros((0, 3)),
    "fs": 12000.0,
}
OTHERS = {
    "note": "Prüfling Δ",
    "cells": np.array([np.arange(3), "x"], object),
    "z": np.array([1 + 2j, 3]),
}


@pytest.mark.parametrize("packed", [False, True], ids=["v6", "v7"])
def test_numbers_are_those_that_scipy_reads(tmp_path: Path, packed: bool) -> None:
    savemat(tmp_path / "a.mat", {**VARIABLES, **OTHERS}, do_compression=packed)
    truth, found = loadmat(tmp_path / "a.mat"), read_mat(tmp_path / "a.mat")
    assert list(found) == [*VARIABLES, *OTHERS]
    for name in VARIABLES:
        assert found[name].dtype == truth[name].dtype
        assert np.array_equal(found[name], truth[name])
    assert found["note"].tolist() == truth["note"].tolist() == ["Prüfling Δ"]
    others = [str(found[name][0]) for name in ("cells", "z")]
    assert others == ["cell array", "complex numbers"]


def test_a_big_endian_file_with_numbers_in_fewer_bytes_is_read(tmp_path: Path) -> None:
    """Doubles that MATLAB stores as 16-bit numbers, and a name in a small element."""
    body = struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIII", 5, 8, 3, 1)
    body += struct.pack(">HH", 1, 1) + b"x\0\0\0"
    body += struct.pack(">II", 3, 6) + struct.pack(">hhh", -1, 0, 300) + b"\0\0"
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    (tmp_path / "a.mat").write_bytes(head + struct.pack(">II", 14, len(body)) + body)
    assert np.array_equal(loadmat(tmp_path / "a.mat")["x"], [[-1], [0], [300]])
    assert np.array_equal(read_mat(tmp_path / "a.mat")["x"], [[-1.0], [0.0], [300.0]])


def packed_file(content: bytes) -> bytes:
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    data = zlib.compress(content)
    return head + struct.pack("<II", 15, len(data)) + data


def sound(folder: Path) -> bytes:
    savemat(folder / "sound.mat", {"x": np.arange(12.0)})
    return (folder / "sound.mat").read_bytes()


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "the file is empty"),
        (b"MATLAB 5.0", "10 bytes are no header"),
        (b"\0\0\0\0" + b"x" * 200, "level 4"),
        (b"MATLAB 7.3".ljust(124) + b"\x00\x02IM", "version 7.3"),
        (b"MATLAB 5.0".ljust(124) + b"\x00\x01XY", "no byte order"),
        (packed_file(b"\x0e\0\0\0\xff\xff\xff\x7f"), "longer than what is there"),
        (packed_file(b"x")[:-3], "longer than what is there"),
        (packed_file(b"x" * 300)[:-6] + b"\0" * 6, "packed array is damaged"),
    ],
    ids=["empty", "short", "v4", "v7.3", "order", "inner length", "cut", "checksum"],
)
def test_what_is_no_such_file_is_named(tmp_path: Path, payload: bytes, words: str) -> None:
    (tmp_path / "a.mat").write_bytes(payload)
    with pytest.raises(InputError, match=rf"a\.mat: .*{words}"):
        read_recording(tmp_path / "a.mat", ["0"], 100)


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    payload = sound(tmp_path)
    for size in range(HEADER + 1, len(payload) - 1):
        (tmp_path / "a.mat").write_bytes(payload[:size])
        with pytest.raises(InputError, match=r"a\.mat"):
            read_mat(tmp_path / "a.mat")


def test_every_changed_byte_is_read_or_refused(tmp_path: Path) -> None:
    """The tags and lengths, byte by byte: scipy's reader dies at some of them."""
    payload = sound(tmp_path)
    for at in range(HEADER, HEADER + 64):
        for value in (0x00, 0x01, 0x0F, 0x7F, 0x80, 0xFF):
            changed = bytearray(payload)
            changed[at] = value
            (tmp_path / "a.mat").write_bytes(changed)
            try:
                arrays = read_mat(tmp_path / "a.mat")
            except InputError:
                continue
            assert all(array.size <= 80 for array in arrays.values())


def test_a_variable_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    payload = sound(tmp_path)
    (tmp_path / "a.mat").write_bytes(payload + payload[HEADER:])
    with pytest.raises(InputError, match="variable 'x' is there twice"):
        read_mat(tmp_path / "a.mat")
