"""Recorded files in name order."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.files import files_below


class Listing:
    """The file `root`, or all files with `suffix` below the folder `root`; listed once."""

    def __init__(self, root: Path, suffix: str, what: str) -> None:
        self._root = root
        self._suffix = suffix
        self._what = what
        self._files: deque[Path] | None = None

    def open(self) -> None:
        """List the files; raises DeviceError when there are none."""
        if self._files is not None:
            return
        root = self._root
        try:
            files = [root] if root.is_file() else files_below(root, [self._suffix])
        except OSError as error:
            raise DeviceError(
                f"cannot be listed ({error.strerror})",
                where=str(error.filename or root),
                cure="correct `path` of the source in station.toml, or the rights on it",
            ) from error
        if not files:
            raise DeviceError(
                f"no {self._suffix} {self._what}",
                where=str(root),
                cure="correct `path` or `driver` of the source in station.toml",
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
