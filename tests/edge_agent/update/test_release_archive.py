"""A release in one file is read as the folder that it holds, and no further than asked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import BundleError, StorageError
from edge_agent.update.release_archive import opened_archive


def written(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for name, payload in files.items():
            target.writestr(name, payload)
    return path


def test_files_are_read_by_name_and_within_bounds(tmp_path: Path) -> None:
    path = written(tmp_path / "a.release", {"metadata/timestamp.json": b"12345"})
    with opened_archive(path) as read:
        assert read("metadata/timestamp.json", 5) == b"12345"
        assert read("metadata/absent.json", 5) is None
        with pytest.raises(StorageError, match="has more than 4 bytes"):
            read("metadata/timestamp.json", 4)


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.release"
    for payload in (b"", b"PK", b"x" * 100):
        path.write_bytes(payload)
        with pytest.raises(StorageError, match="is no release, or cut"), opened_archive(path):
            pass
    with (
        pytest.raises(StorageError, match="cannot be read"),
        opened_archive(tmp_path / "absent.release"),
    ):
        pass


def test_an_archive_of_many_files_is_not_opened(tmp_path: Path) -> None:
    path = written(tmp_path / "a.release", {f"metadata/{n}": b"" for n in range(1001)})
    with pytest.raises(BundleError, match="lists more than 1000 files"), opened_archive(path):
        pass
