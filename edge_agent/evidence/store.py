"""Keeps evidence within its quota: the oldest that nobody protects goes first."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import storage_error, write_atomic
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.content import Content
from edge_agent.evidence.folder import (
    HEAT,
    LABEL,
    PROTECTED,
    RECORD,
    object_path,
    objects_folder,
    records_folder,
    sha256_of_stem,
    stem_of,
    stems,
)
from edge_agent.evidence.record import EvidenceRecord

MB = 1 << 20
BLOCK_BYTES = 4096
"""What a file takes on a disk at least."""


@dataclass(frozen=True)
class Disk:
    """A file system: its size and what is free of it."""

    size_bytes: int
    free_bytes: int


def disk_of(folder: Path) -> Disk:
    """The file system of a folder; raises OSError."""
    found = os.statvfs(folder)
    return Disk(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def quota_bytes(folder: Path, table: EvidenceTable) -> int:
    """The quota, or the share of the file system where that is less; raises OSError."""
    return round(min(table.quota_mb * MB, table.disk_share * disk_of(folder).size_bytes))


def used_bytes(folder: Path) -> int:
    """What lies in the folder now, in whole blocks, as another thread or process counts it."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # the station removes the oldest
                total += _blocks((Path(place) / name).stat().st_size)
    return total


class EvidenceStore:
    """The folder of one station; one thread of one process writes to it.

    Records and their files are there whole or not at all, also after a kill or a power cut.
    """

    def __init__(self, folder: Path, table: EvidenceTable) -> None:
        self.removed = 0
        self._folder = folder
        self._table = table
        self._records: dict[str, int] = {}
        self._spared: dict[str, int] = {}
        self._objects: dict[str, tuple[Path, int]] = {}
        self._uses: Counter[str] = Counter()
        self._bytes = 0

    @property
    def used_bytes(self) -> int:
        """What the evidence takes on the disk, in whole blocks."""
        return self._bytes

    @property
    def limit_bytes(self) -> int:
        """The quota, or the share of the file system where that is less."""
        return quota_bytes(self._folder, self._table)

    def open(self) -> None:
        """Find what is kept, and remove what a kill has left half done; raises StorageError."""
        try:
            for folder in (records_folder(self._folder), objects_folder(self._folder)):
                folder.mkdir(parents=True, exist_ok=True)
            self._index()
        except OSError as error:
            raise storage_error(self._folder, error) from error

    def add(self, record: EvidenceRecord, content: Content, heat: bytes | None) -> int:
        """Keep an item; gives how many bytes of the disk it took. Raises StorageError, and what was
        kept before is what it was.
        """
        stem = stem_of(record)
        if stem in self._records or stem in self._spared:
            return 0
        text = record.model_dump_json(exclude_none=True).encode()
        records = records_folder(self._folder)
        small = _blocks(len(text)) + (_blocks(len(heat)) if heat is not None else 0)
        large = 0 if record.sha256 in self._objects else _blocks(len(content.payload))
        self._make_room(small + large)
        try:
            path = object_path(self._folder, record.sha256, content.suffix)
            if large:
                write_atomic(path, content.payload)
            if heat is not None:
                write_atomic(records / f"{stem}{HEAT}", heat)
            write_atomic(records / f"{stem}{RECORD}", text)
        except StorageError:
            self._forget_half(stem, path if large else None)
            raise
        if large:
            self._objects[record.sha256] = (path, large)
        self._records[stem] = small
        self._uses[record.sha256] += 1
        self._bytes += small + large
        return small + large

    def _forget_half(self, stem: str, path: Path | None) -> None:
        (records_folder(self._folder) / f"{stem}{HEAT}").unlink(missing_ok=True)
        if path is not None:
            path.unlink(missing_ok=True)

    def _make_room(self, needed: int) -> None:
        disk = disk_of(self._folder)
        if disk.free_bytes - needed < self._table.keep_free_mb * MB:
            raise StorageError(
                f"{disk.free_bytes / MB:.0f} MB are free",
                where=str(self._folder),
                cure=f"free some space: evidence.keep_free_mb is {self._table.keep_free_mb:g}",
            )
        limit = self.limit_bytes
        while self.used_bytes + needed > limit:
            stem = self._oldest()
            if stem is None:
                raise StorageError(
                    f"protected evidence fills the quota of {limit / MB:.0f} MB",
                    where=str(self._folder),
                    cure="export and unprotect some, or raise evidence.quota_mb or disk_share",
                )
            self._remove(stem)

    def _oldest(self) -> str | None:
        """The oldest record that is not protected now, one that nobody labelled before the others.

        A person at the shell or at the page may change both.
        """
        for stem in list(self._records):
            if not self._has(stem, PROTECTED) and not self._has(stem, LABEL):
                return stem
            self._spared[stem] = self._records.pop(stem)
        freed = [stem for stem in self._spared if not self._has(stem, PROTECTED)]
        freed.sort(key=lambda stem: (self._has(stem, LABEL), stem))
        for stem in freed[:1]:
            self._records[stem] = self._spared.pop(stem)
        return freed[0] if freed else None

    def _has(self, stem: str, mark: str) -> bool:
        return (records_folder(self._folder) / f"{stem}{mark}").exists()

    def _remove(self, stem: str) -> None:
        """The record first: what it names is there as long as it is."""
        records = records_folder(self._folder)
        sha256 = sha256_of_stem(stem)
        try:
            for suffix in (RECORD, HEAT, LABEL):
                (records / f"{stem}{suffix}").unlink(missing_ok=True)
            self._bytes -= self._records.pop(stem)
            self.removed += 1
            self._uses[sha256] -= 1
            if self._uses[sha256] <= 0:
                del self._uses[sha256]
                path, size = self._objects.pop(sha256)
                path.unlink(missing_ok=True)
                self._bytes -= size
        except OSError as error:
            raise storage_error(records, error) from error

    def _index(self) -> None:
        self._records, self._spared, self._objects = {}, {}, {}
        self._uses, self._bytes = Counter(), 0
        objects = {path.stem: path for path in objects_folder(self._folder).glob("*/[!.]*")}
        records = records_folder(self._folder)
        found = stems(path.name for path in records.glob(f"[!.]*{RECORD}"))
        self._sweep(found)
        for stem in sorted(found):
            sha256 = sha256_of_stem(stem)
            if sha256 not in objects:
                (records / f"{stem}{RECORD}").unlink()
                continue
            heat = records / f"{stem}{HEAT}"
            size = _size(records / f"{stem}{RECORD}") + (_size(heat) if heat.exists() else 0)
            self._records[stem] = size
            self._uses[sha256] += 1
            self._bytes += size
        for sha256, path in objects.items():
            if not self._uses[sha256]:
                path.unlink()
                continue
            self._objects[sha256] = (path, _size(path))
            self._bytes += self._objects[sha256][1]

    def _sweep(self, found: set[str]) -> None:
        """Remove temporary files, and heat maps, marks and labels without a record."""
        records = records_folder(self._folder)
        for path in list(objects_folder(self._folder).glob("*/.*")) + list(records.glob(".*")):
            path.unlink()
        for suffix in (HEAT, PROTECTED, LABEL):
            for path in records.glob(f"*{suffix}"):
                if path.name.removesuffix(suffix) not in found:
                    path.unlink()


def _size(path: Path) -> int:
    return _blocks(path.stat().st_size)


def _blocks(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES
