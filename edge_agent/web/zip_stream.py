"""A ZIP archive that is sent while it is made: nothing of it lies on the station's disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, cast


def zip_stream(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """The bytes of an archive of (name, payload), stored as they are: pictures do not shrink."""
    sink = _Sink()
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_STORED) as archive:
        for name, payload in files:
            archive.writestr(zipfile.ZipInfo(name), payload)
            yield sink.taken()
    yield sink.taken()


class _Sink:
    """Takes what an archive writes; it cannot go back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, piece: bytes) -> int:
        """Take a piece."""
        self._parts.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing waits."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        found, self._parts = b"".join(self._parts), []
        return found
