"""Readers of foreign files: whatever lies in them, one of our own errors names it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.arrays import UNREADABLE_ARRAYS
from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.parquet import read_parquet_table
from edge_agent.contracts.core.raw_input import another_kind


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.arange(50, dtype=np.float32), y=np.ones((4, 5)))
    return buffer.getvalue()


def load(payload: bytes) -> None:
    with np.load(io.BytesIO(payload)) as arrays:
        for name in arrays.files:
            np.asarray(arrays[name]).sum()


def test_damaged_arrays_raise_only_what_is_listed() -> None:
    whole, random = npz(), np.random.default_rng(1)
    for _ in range(400):
        payload = bytearray(whole)
        for place in random.integers(0, len(payload), 3):
            payload[place] = random.integers(0, 256)
        try:
            load(bytes(payload[: random.integers(1, len(payload) + 1)]))
        except UNREADABLE_ARRAYS:
            continue


def test_an_archive_of_something_else_is_listed_too() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00\x06\x00{'a':")
    with pytest.raises(UNREADABLE_ARRAYS):
        load(buffer.getvalue())


@pytest.mark.parametrize("payload", [b"", b"PAR1", b"PAR1" + b"\0" * 40 + b"PAR1", b"a,b\n1,2\n"])
def test_what_is_no_parquet_is_named(tmp_path: Path, payload: bytes) -> None:
    file = tmp_path / "line.parquet"
    file.write_bytes(payload)
    with pytest.raises(InputError, match=r"line\.parquet: not a readable Parquet file"):
        read_parquet_table(file)


@pytest.mark.parametrize(
    ("raw", "words"), [(np.zeros((2, 2, 3), np.uint8), "an image"), (3, "int")], ids=["image", "3"]
)
def test_input_of_another_kind_is_named(raw: object, words: str) -> None:
    assert f"takes vibration input, not {words}" in str(another_kind("vibration", raw))
