"""The files of a folder that are read, and every one that is not, with the reason.

What a NAS, an operating system or our own programs leave in a folder is no picture and no class;
what somebody put there on purpose and is not read must be named.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

JUNK_FOLDERS = frozenset(
    {
        "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "$recycle.bin",
        "system volume information", "lost+found", "__macosx", "__pycache__", ".trash",
        "recycler", "network trash folder", "temporary items", "@tmp", "@synoresource", "@database",
        "@download", "~snapshot", "found.000", "thumbnails", ".thumbnails",
    }
)  # fmt: skip
"""Lower case: thumbnails, waste baskets and snapshots of NAS boxes and operating systems."""

JUNK_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
RUN_FILES = ("spec.json", "config.toml")
"""A folder that holds these is a run of `lineside-train fit`."""


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that is not read; harmless: nobody meant it to be."""

    path: str
    why: str
    harmless: bool = False


@dataclass
class FolderScan:
    """files: relative paths in sorted order; left_out: everything else; empty: folders without a
    single file in them or below; any_name: names that are not UTF-8 or hold control characters are
    taken too.
    """

    files: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    any_name: bool = False


def scan_folder(
    root: Path, suffixes: Collection[str], also: Collection[str] = (), *, any_name: bool = False
) -> FolderScan:
    """Walk `root` for files with one of `suffixes` (lower case), linked folders included.

    also: names and suffixes of files that are not data, yet expected (dataset.toml, .csv).
    Raises OSError for a folder that cannot be listed: what lies in it would go by unseen.
    """
    found = FolderScan(any_name=any_name)
    _walk(root, root, frozenset([root.resolve()]), suffixes, also, found)
    found.files.sort()
    return found


def count_by_reason(left_out: Iterable[LeftOut]) -> list[str]:
    """`3 files .gif are not read (a/1.gif ...)`: one sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for one in left_out:
        reasons.setdefault(one.why, []).append(one.path)
    return [
        f"{len(paths)} left out: {why} ({printable(paths[0])}{' ...' if len(paths) > 1 else ''})"
        for why, paths in sorted(reasons.items())
    ]


def printable(name: str) -> str:
    """A file name that may be printed: what is not UTF-8 or moves the cursor is escaped."""
    return "".join(c if _is_plain(c) else repr(c)[1:-1] for c in name)


def _is_plain(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp", "Cn")


def _walk(
    root: Path,
    folder: Path,
    above: frozenset[Path],
    suffixes: Collection[str],
    also: Collection[str],
    found: FolderScan,
) -> None:
    with os.scandir(folder) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    if folder != root and {entry.name for entry in inside}.issuperset(RUN_FILES):
        name = folder.relative_to(root).as_posix()
        found.left_out.append(LeftOut(name, "a run of lineside-train", harmless=True))
        return
    for entry in inside:
        path = Path(entry.path)
        name = path.relative_to(root).as_posix()
        fault = "" if found.any_name else _name_fault(entry.name)
        junk = _junk(entry)
        if fault or junk:
            found.left_out.append(LeftOut(name, fault or junk, harmless=not fault))
        elif not entry.is_dir():
            _file(entry, name, suffixes, also, found)
        elif path.resolve() in above:
            found.left_out.append(LeftOut(name, "a link to a folder above it"))
        else:
            before = len(found.files) + len(found.left_out)
            _walk(root, path, above | {path.resolve()}, suffixes, also, found)
            if len(found.files) + len(found.left_out) == before:
                found.empty.append(name)


def _file(
    entry: os.DirEntry[str],
    name: str,
    suffixes: Collection[str],
    also: Collection[str],
    found: FolderScan,
) -> None:
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a name, not a path
    if entry.is_symlink() and not entry.is_file():
        found.left_out.append(LeftOut(name, "a link whose target is not there"))
    elif not entry.is_file():
        found.left_out.append(LeftOut(name, "neither a file nor a folder"))
    elif suffix in suffixes:
        found.files.append(name)
    elif suffix == ".bundle":
        found.left_out.append(LeftOut(name, "a bundle", harmless=True))
    elif suffix not in also and entry.name.lower() not in also:
        what = f"files {suffix}" if suffix else "files without a suffix"
        found.left_out.append(LeftOut(name, f"{what} are not read"))


def _name_fault(name: str) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "the name is not UTF-8; rename it"
    if all(_is_plain(character) for character in name):
        return ""
    return "the name holds a control character or line break; rename it"


def _junk(entry: os.DirEntry[str]) -> str:
    low = entry.name.lower()
    if low in JUNK_FOLDERS or low.startswith(".trash"):
        return "a folder of the NAS or the operating system"
    if low in JUNK_FILES or low.startswith("._"):
        return "a file of the operating system"
    return "hidden" if low.startswith(".") else ""
