"""Recorded files in name order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.errors import DeviceError, InputError
from edge_agent.contracts.core.files import files_below

T = TypeVar("T")


class FileSequence:
    """The file `root`, or all files below the folder `root` with one of `suffixes`; listed once.

    Of several suffixes the first that any file has is taken: a table of labels beside WAV files
    is no recording. what: what a file is, for messages.
    """

    def __init__(self, root: Path, suffixes: Sequence[str], what: str) -> None:
        self._root = root
        self._suffixes = tuple(suffixes)
        self._what = what
        self._files: deque[Path] | None = None

    def open(self) -> None:
        """List the files; raises DeviceError when there are none."""
        if self._files is not None:
            return
        root = self._root
        try:
            files = [root] if root.is_file() else self._first_kind(root)
        except OSError as error:
            raise DeviceError(
                f"cannot be listed ({error.strerror})",
                where=str(error.filename or root),
                cure="correct `path` of the source in station.toml, or the rights on it",
            ) from error
        if not files:
            raise DeviceError(
                f"no {self._what} ({' '.join(self._suffixes)})",
                where=str(root),
                cure="correct `path` or `format` of the source in station.toml",
            )
        self._files = deque(files)

    def pop(self) -> Path:
        """The next file; raises EndOfSource after the last one."""
        if not self._files:
            raise EndOfSource
        return self._files.popleft()

    def part_id(self, path: Path) -> str:
        """The path of a file inside the folder."""
        return path.name if path == self._root else path.relative_to(self._root).as_posix()

    def _first_kind(self, root: Path) -> list[Path]:
        files = files_below(root, self._suffixes)
        for suffix in self._suffixes:
            found = [path for path in files if path.suffix.lower() == suffix]
            if found:
                return found
        return []


class FileItems(Generic[T]):
    """What lies in the files of a sequence, one after the other, each with its part id.

    read: the items of a file, with their part ids; raises InputError for a file that has none.
    """

    def __init__(
        self, files: FileSequence, read: Callable[[Path], Iterator[tuple[str, T]]]
    ) -> None:
        self._files = files
        self._read = read
        self._items: Iterator[tuple[str, T]] = iter(())
        self._ahead: tuple[str, T | InputError] | None = None

    def open(self) -> None:
        """List the files and read the first item; raises DeviceError when there are no files."""
        self._files.open()
        if self._ahead is None:
            with suppress(EndOfSource):  # next() says it
                self._ahead = self._find()

    def next(self) -> tuple[str, T | InputError]:
        """The next item, or why a file has none; raises EndOfSource after the last file."""
        found, self._ahead = self._ahead or self._find(), None
        return found

    def _find(self) -> tuple[str, T | InputError]:
        found = next(self._items, None)
        while found is None:
            path = self._files.pop()
            try:
                self._items = self._read(path)
                found = next(self._items, None)
            except InputError as error:
                return self._files.part_id(path), error
        return found
