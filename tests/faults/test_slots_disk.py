"""Writes that really fail during an install: a limit on file size, and a disk that is full."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.model.bundle import Bundle, read_bundle, write_bundle
from edge_agent.update.slots import install, status
from tests.signing_kit import Workshop, open_workshop
from tests.station_kit import fill_disk, small_disk

PAD_BYTES = 300_000


def passes(_: Bundle) -> None:
    """The self-test has no part in this."""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path / "workshop")


def padded(workshop: Workshop, version: str) -> Path:
    """A signed bundle of about PAD_BYTES."""
    path = workshop.unsigned(version)
    plain = read_bundle(path)
    pad = random.Random(version).randbytes(PAD_BYTES)
    write_bundle(path, plain.manifest, {**plain.files, "golden/pad.bin": pad})
    workshop.sign(path)
    return path


def shape(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): str(path.readlink()).encode()
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if (path.is_symlink() or path.is_file()) and path.name not in (".lock", "filler")
    }


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """The kernel refuses longer files (EFBIG), as a quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size_bytes", [0, 1, 4096, PAD_BYTES // 2, PAD_BYTES])
def test_write_that_fails_leaves_the_station_as_it_was(
    size_bytes: int, workshop: Workshop, tmp_path: Path
) -> None:
    root = tmp_path / "station"
    install(padded(workshop, "1.0.0"), root, passes, trust=workshop.public)
    before, new = shape(root), padded(workshop, "1.1.0")
    with files_of_at_most(size_bytes), pytest.raises(StorageError, match="cannot write"):
        install(new, root, passes)
    assert shape(root) == before
    install(new, root, passes)
    assert status(root)[0].version == "1.1.0"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, still empty."""
    with small_disk(tmp_path / "disk", "1m,nr_inodes=200") as folder:
        yield folder


@pytest.mark.parametrize("leave_bytes", [0, 4096, PAD_BYTES // 2])
def test_full_disk_leaves_the_station_as_it_was(
    leave_bytes: int, workshop: Workshop, disk: Path
) -> None:
    root = disk / "station"
    install(padded(workshop, "1.0.0"), root, passes, trust=workshop.public)
    before, new = shape(root), padded(workshop, "1.1.0")
    filler = fill_disk(disk, leave_bytes)
    with pytest.raises(StorageError, match=r"No space left on device.*free some space"):
        install(new, root, passes)
    assert shape(root) == before
    filler.unlink()
    install(new, root, passes)
    assert status(root)[0].version == "1.1.0"


def test_full_disk_at_the_first_install_leaves_nothing_current(
    workshop: Workshop, disk: Path
) -> None:
    root = disk / "station"
    filler = fill_disk(disk, 8192)
    with pytest.raises(StorageError, match="No space left"):
        install(padded(workshop, "1.0.0"), root, passes, trust=workshop.public)
    assert not [path for path in root.rglob("*") if path.name.startswith((".new", "current"))]
    filler.unlink()
    install(padded(workshop, "1.0.0"), root, passes, trust=workshop.public)
    assert status(root)[0].fault == ""
