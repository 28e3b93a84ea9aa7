"""New and changed files below a folder, found by looking; network shares report no events.

Trusts no clock of a file: a file is new when its inode, size or a time stamp differs from the last
look, whatever the stamp says, and it is settled when it did not change for a while of our own
clock. Whoever copies a file may set the time of its content back, and nobody the time of its
status, which also changes with its rights: there the content decides. Folders are listed again only
when their own time stamp changed, and known files are looked at a few at a time, so that 20,000 old
files cost nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict, deque
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.contracts.core.clock import Clock

LOOKED_AT = 64
"""Known files whose time stamp and size are read at each look: so many that changed last, and as
many of the others in turn."""
LIST_AGAIN_S = 5.0
"""Folders are listed at least this often: the time stamp of a folder on FAT or NFS is coarse."""
LISTING_SHARE = 20
"""After a listing that took t seconds the next one waits for LISTING_SHARE x t."""


@dataclass(frozen=True)
class FileStamp:
    """What changes when a file is written again: at least one of the four."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    def differs_in_status(self, other: FileStamp) -> bool:
        """Whether the time of the status alone tells two looks apart."""
        return self != other and self == replace(other, ctime_ns=self.ctime_ns)


@dataclass
class _Watched:
    """A file: as it is, since when (monotonic), as it was when it was last given (and a hash of its
    content), how often.
    """

    stamp: FileStamp
    since_ns: int
    given: FileStamp | None = None
    digest: bytes = b""
    times: int = 0


def digest_of(content: bytes) -> bytes:
    """A hash that tells two contents of a file apart."""
    return hashlib.blake2b(content, digest_size=16).digest()


class FolderWatch:
    """Looks at the files below `root` with one of `suffixes` (lower case); hidden ones left out.

    skipped: file name suffix -> number of other files, of the last listing.
    """

    def __init__(self, root: Path, suffixes: Collection[str], clock: Clock) -> None:
        self.skipped: dict[str, int] = {}
        self._root = root
        self._suffixes = frozenset(suffixes)
        self._clock = clock
        self._files: OrderedDict[Path, _Watched] = OrderedDict()
        self._folders: dict[Path, int] = {}
        self._turn: deque[Path] = deque()
        self._waiting: set[Path] = set()
        self._listed_ns: int | None = None
        self._rest_ns = 0
        self._again = False

    def look(self) -> None:
        """Look once. Raises OSError where a folder cannot be listed, or is gone."""
        now = self._clock.mono_ns()
        changed = self._folders_changed()
        # A change within the same tick of the folder's clock as the listing would go by unseen, so
        # that a listing that found a change is followed by another.
        due = self._listed_ns is None or now - self._listed_ns > LIST_AGAIN_S * 1e9
        if due or ((changed or self._again) and now >= self._rest_ns):
            self._again = changed
            self._list(now)
        for path in self._some():
            self._look_at(path, now)

    def settled(self, quiet_s: float) -> list[Path]:
        """Files that are new or changed and have been quiet for `quiet_s`, in name order."""
        now = self._clock.mono_ns()
        return sorted(p for p in self._waiting if now - self._files[p].since_ns >= quiet_s * 1e9)

    def quiet_s(self, path: Path) -> float:
        """How long ago a waiting file changed."""
        return (self._clock.mono_ns() - self._files[path].since_ns) / 1e9

    def stamp(self, path: Path) -> FileStamp:
        """A file as it was at the last look."""
        return self._files[path].stamp

    def is_still(self, path: Path) -> bool:
        """Whether a file is as it was at the last look."""
        try:
            return _stamp_of(path) == self._files[path].stamp
        except OSError:
            return False

    def give(self, path: Path, digest: bytes) -> int:
        """Mark a file as taken, as it was at the last look; return how often its name has been.

        digest: of what was read.
        """
        watched = self._files[path]
        watched.given, watched.digest = watched.stamp, digest
        watched.times += 1
        self._waiting.discard(path)
        return watched.times

    def is_given(self, path: Path, digest: bytes) -> bool:
        """Whether a waiting file is the one that was taken, with other rights: it waits no more."""
        watched = self._files[path]
        if watched.given is None or not watched.stamp.differs_in_status(watched.given):
            return False
        if digest != watched.digest:
            return False
        watched.given = watched.stamp
        self._waiting.discard(path)
        return True

    def _folders_changed(self) -> bool:
        return any(folder.stat().st_mtime_ns != at for folder, at in self._folders.items())

    def _list(self, now: int) -> None:
        found: dict[Path, int] = {}
        folders: dict[Path, int] = {}
        skipped: dict[str, int] = {}
        _walk(self._root, self._suffixes, found, folders, skipped)
        for path in [path for path in self._files if path not in found]:
            del self._files[path]
            self._waiting.discard(path)
        for path, inode in found.items():
            watched = self._files.get(path)
            if watched is None or watched.stamp.inode != inode:
                self._look_at(path, now)
        self._folders, self.skipped = folders, skipped
        self._listed_ns = now
        self._rest_ns = now + LISTING_SHARE * (self._clock.mono_ns() - now)

    def _some(self) -> list[Path]:
        """The waiting files, those that changed last, and some of the others in turn."""
        recent = [path for path, _ in zip(reversed(self._files), range(LOOKED_AT), strict=False)]
        if not self._turn:
            self._turn = deque(self._files)
        turn = [self._turn.popleft() for _ in range(min(LOOKED_AT, len(self._turn)))]
        return list(dict.fromkeys([*self._waiting, *recent, *turn]))

    def _look_at(self, path: Path, now: int) -> None:
        try:
            stamp = _stamp_of(path)
        except OSError:
            return  # gone since it was listed; the next listing forgets it
        watched = self._files.get(path)
        if watched is None:
            self._files[path] = _Watched(stamp, now)
        elif watched.stamp != stamp:
            watched.stamp, watched.since_ns = stamp, now
            self._files.move_to_end(path)
        if self._files[path].given != stamp:
            self._waiting.add(path)


def _stamp_of(path: Path) -> FileStamp:
    found = path.stat()
    return FileStamp(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _walk(
    folder: Path,
    suffixes: Collection[str],
    found: dict[Path, int],
    folders: dict[Path, int],
    skipped: dict[str, int],
) -> None:
    """Fill `found` (file -> inode), `folders` (folder -> time stamp) and `skipped`."""
    # The stamp is read before the names: what comes while they are listed changes it again.
    folders[folder] = folder.stat().st_mtime_ns
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                _walk(Path(entry.path), suffixes, found, folders, skipped)
                continue
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - 20,000 names
            if suffix in suffixes and entry.is_file():
                found[Path(entry.path)] = entry.inode()
            else:
                skipped[suffix] = skipped.get(suffix, 0) + 1
