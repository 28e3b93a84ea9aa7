"""Images raw and compressed by the reference tools; files that are none; cut off streams."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.flash.image import check_file_sha256, image_head, image_size, open_image
from edge_agent.contracts.core.errors import ConfigError, InputError

HEAD = 1 << 20
CONTENT = bytes(510) + b"\x55\xaa" + bytes(range(256)) * 8192


def packed(folder: Path, suffix: str) -> Path:
    path = folder / f"os.img{suffix}"
    if suffix == ".xz":
        path.write_bytes(lzma.compress(CONTENT, preset=0))
    elif suffix == ".gz":
        path.write_bytes(gzip.compress(CONTENT, 1))
    elif suffix == ".zst":
        if shutil.which("zstd") is None:
            pytest.skip("NOT TESTED: no zstd here")
        done = subprocess.run(["zstd", "-1qc"], input=CONTENT, capture_output=True, check=True)
        path.write_bytes(done.stdout)
    else:
        path.write_bytes(CONTENT)
    return path


def all_of(path: Path) -> bytes:
    with open_image(path) as stream:
        return b"".join(iter(lambda: stream.read(1 << 20), b""))


@pytest.mark.parametrize("suffix", ["", ".xz", ".gz", ".zst", ".XZ"])
def test_bytes_and_size_are_those_of_the_unpacked_image(suffix: str, tmp_path: Path) -> None:
    path = packed(tmp_path, suffix.lower())
    path = path.rename(tmp_path / f"os.img{suffix}")
    assert all_of(path) == CONTENT
    assert image_size(path) == len(CONTENT)
    assert image_head(path) == CONTENT[:HEAD]


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".zst"])
def test_a_stream_that_was_cut_off_is_damaged(suffix: str, tmp_path: Path) -> None:
    path = packed(tmp_path, suffix)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="damaged or cut off"):
        all_of(path)


def test_who_reads_only_the_head_is_not_told_of_a_damaged_end(tmp_path: Path) -> None:
    path = packed(tmp_path, ".xz")
    path.write_bytes(path.read_bytes()[:-20])
    assert image_head(path)[510:512] == b"\x55\xaa"


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"<!DOCTYPE html>", b""])
def test_an_archive_or_a_page_is_no_image(start: bytes, tmp_path: Path) -> None:
    payload = bytearray(CONTENT)
    payload[: len(start)] = start
    if not start:
        payload[510:512] = b"\0\0"
    (tmp_path / "os.img").write_bytes(payload)
    with pytest.raises(InputError, match="no disk image"):
        image_head(tmp_path / "os.img")


def test_the_sum_of_the_download_is_compared_whatever_its_case(tmp_path: Path) -> None:
    path = packed(tmp_path, "")
    check_file_sha256(path, hashlib.sha256(CONTENT).hexdigest().upper())
    with pytest.raises(InputError, match="sha256 is"):
        check_file_sha256(path, "0" * 64)


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.img"):
        image_head(tmp_path / "none.img")
