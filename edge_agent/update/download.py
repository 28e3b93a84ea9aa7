"""A file that is downloaded piece by piece, and goes on where it was cut.

What is on disk is a prefix of the file or nothing: pieces are appended in order, and the whole is
taken when its sha256 is the one that was announced.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edge_agent.contracts.core.errors import BundleError, DeviceError
from edge_agent.contracts.core.files import storage_error
from edge_agent.contracts.model.release_archive import ARCHIVE
from edge_agent.update.ddi import Artifact, DdiServer
from edge_agent.update.folder import Folder, refuse_missing

BUNDLE, PART = "incoming.bundle", ".part"
ENDINGS = (".release", ".bundle", PART)
"""Files with these endings in the folder are downloads, and are removed as such."""
PIECE_BYTES = 1 << 20
RESERVE_BYTES = 16 << 20
"""Left free by a download: for the journals, and what the station itself writes."""


class Download:
    """Downloads into ROOT/FOLDER. Methods raise StorageError; a file of the server's naming gets
    the server's name only where that is the name of a release."""

    def __init__(self, server: DdiServer, root: Path, folder: str) -> None:
        self._server = server
        self._root = root
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one client; raises StorageError while another one holds it."""
        with self._open() as folder, folder.locked():
            yield

    def whole(self, artifact: Artifact) -> Path | None:
        """The file where it was downloaded already; None where it was not."""
        name = _name(artifact)
        with self._open() as folder:
            if name not in folder.names():
                return None
            with folder.growing(name) as stream:
                is_it = _digest(stream) == artifact.hashes.sha256
            return folder.path / name if is_it else None

    def fetch(self, artifact: Artifact) -> Path:
        """Download what is missing. Raises DeviceError where the server ends too early, BundleError
        for another file than was announced."""
        name, part = _name(artifact), f"{artifact.hashes.sha256}{PART}"
        with self._open() as folder:
            _remove(folder, besides=part)
            try:
                found = self._fetched(folder, part, artifact)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    folder.remove(part)  # the journals need the room more
                raise
            if found != artifact.hashes.sha256:
                folder.remove(part)
                raise BundleError(
                    f"what was downloaded has the sha256 {found[:12]}, the server announced "
                    f"{artifact.hashes.sha256[:12]}",
                    where=artifact.filename,
                    cure="upload it to the server again",
                )
            folder.rename(part, name)
            return folder.path / name

    def remove(self) -> None:
        """Nothing of a download stays."""
        with self._open() as folder:
            _remove(folder)

    def _fetched(self, folder: Folder, part: str, artifact: Artifact) -> str:
        """Complete the file `part`; its sha256. Raises OSError where the disk is full."""
        with folder.growing(part) as stream:
            missing = artifact.size - stream.seek(0, os.SEEK_END)
            disk = os.fstatvfs(stream.fileno())
            if missing > 0 and disk.f_bavail * disk.f_frsize < missing + RESERVE_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            was_begun = self._complete(stream, artifact)
            found = _digest(stream)
            if was_begun and found != artifact.hashes.sha256:
                # The beginning may be of another file, or lost by a power cut: once more.
                stream.truncate(0)
                self._complete(stream, artifact)
                found = _digest(stream)
            os.fsync(stream.fileno())
        return found

    def _complete(self, stream: BinaryIO, artifact: Artifact) -> bool:
        """Append what is missing; whether something was there before."""
        offset = stream.seek(0, os.SEEK_END)
        if offset > artifact.size:
            offset = stream.truncate(0)
        if offset == artifact.size:
            return True
        for at, piece in self._server.pieces(artifact, offset):
            if at < stream.seek(0, os.SEEK_END):  # the server begins from the start
                stream.truncate(at)
            stream.write(piece)
        size = stream.seek(0, os.SEEK_END)
        if size < artifact.size:
            raise DeviceError(
                f"{size} of {artifact.size} bytes came",
                where=artifact.filename,
                cure="it goes on with the next poll; check the server",
            )
        return offset > 0

    @contextmanager
    def _open(self) -> Iterator[Folder]:
        refuse_missing(self._root)
        try:
            with (
                Folder.open(self._root) as root,
                root.subfolder(self._folder, create=True) as folder,
            ):
                yield folder
        except OSError as error:
            raise storage_error(self._root / self._folder, error) from error


def _name(artifact: Artifact) -> str:
    return artifact.filename if ARCHIVE.fullmatch(artifact.filename) else BUNDLE


def _remove(folder: Folder, besides: str = "") -> None:
    for name in folder.names():
        if name.endswith(ENDINGS) and name != besides:
            folder.remove(name)


def _digest(stream: BinaryIO) -> str:
    stream.seek(0)
    found = hashlib.sha256()
    while piece := stream.read(PIECE_BYTES):
        found.update(piece)
    return found.hexdigest()
