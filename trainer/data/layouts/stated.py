"""What is known of a layout before it is looked at: from dataset.toml, or from who asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch

from edge_agent.contracts.core.folder_scan import FolderScan


@dataclass(frozen=True)
class Stated:
    """grouped: the group or the folds are named; exclude: globs of files to leave out; good: the
    labels of a good part, None where nobody has named any.
    """

    grouped: bool = False
    exclude: Sequence[str] = ()
    good: Sequence[str] | None = None


def is_excluded(path: str, globs: Iterable[str]) -> bool:
    """Whether one of the globs names a path; `**/` also stands for no folder at all."""
    return any(
        fnmatch(path, glob) or (glob.startswith("**/") and fnmatch(path, glob[3:]))
        for glob in globs
    )


def included(scan: FolderScan, globs: Sequence[str]) -> FolderScan:
    """`scan` without what is excluded, which no rule of the layout may see."""
    return replace(
        scan,
        files=[path for path in scan.files if not is_excluded(path, globs)],
        left_out=[one for one in scan.left_out if not is_excluded(one.path, globs)],
        empty=[path for path in scan.empty if not is_excluded(path, globs)],
    )
