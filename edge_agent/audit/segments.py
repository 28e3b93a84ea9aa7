"""The files of an audit log: one segment after the other, the oldest removed under a quota.

A segment `SEQ.audit` begins with a record that repeats the digest before it, so that it can be
verified when older segments are gone; that they went by the quota is a record of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.audit.chain import MAX_LINE_BYTES, START, Fault, Head, body_of, check_chain
from edge_agent.contracts.core.errors import InputError

SUFFIX = ".audit"
HEAD_FILE = "head"


@dataclass(frozen=True)
class Verification:
    """What a check of a whole log found. `first_seq`: of the oldest record that is here."""

    records: int
    first_seq: int
    head: Head
    faults: tuple[Fault, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, removed or inserted."""
        return not self.faults


def segment_path(folder: Path, seq: int) -> Path:
    """The file of the segment whose first record has the number `seq`."""
    return folder / f"{seq:012d}{SUFFIX}"


def segments(folder: Path) -> list[tuple[int, Path]]:
    """(number of the first record, file) of every segment, oldest first."""
    if not folder.is_dir():
        raise InputError(
            "no audit log lies there",
            where=str(folder),
            cure="name the folder `audit` in the station's state_dir",
        )
    found = [
        (int(path.stem), path)
        for path in folder.iterdir()
        if re.fullmatch(rf"[0-9]{{12}}\{SUFFIX}", path.name) and not path.is_symlink()
    ]
    return sorted(found)


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a segment, with their line ends; an endless line is cut."""
    with path.open("rb") as stream:
        while line := stream.readline(MAX_LINE_BYTES):
            yield line


def read_head(folder: Path) -> Head | None:
    """The head that was kept beside the log; None where there is none."""
    try:
        return Head.parse((folder / HEAD_FILE).read_text(encoding="ascii", errors="replace"))
    except (FileNotFoundError, InputError):
        return None


def records(folder: Path) -> Iterator[dict[str, Any]]:
    """Every record, oldest first; verify the log before it is believed."""
    for _, path in segments(folder):
        for line in read_lines(path):
            yield body_of(line)


def verify(folder: Path, heads: tuple[Head, ...] = ()) -> Verification:
    """Check every record of a log against its chain, and the log against known heads.

    heads: heads that the plant was told; the one beside the log is always among them. A log that
    was cut, or replaced by an older copy, lacks a record that a head names.
    """
    known = {head.seq: head.digest for head in heads}
    kept = read_head(folder)
    faults: list[Fault] = []
    if kept is None:
        faults.append(Fault(-1, "the head beside the log is missing or damaged"))
    else:
        faults += _contradiction(known, kept)
        known[kept.seq] = kept.digest
    files = segments(folder)
    head, count, pruned_to = START, 0, 0
    first_seq = files[0][0] if files else 0
    for seq, path in files:
        if path == files[0][1]:
            head = _before(path, seq, faults)
        elif seq != head.seq + 1:
            faults.append(Fault(head.seq + 1, f"records up to {seq - 1} are missing"))
            head = _before(path, seq, faults)
        lines = _Watched(read_lines(path))
        for step in check_chain(lines, head):
            if isinstance(step, Fault):
                faults.append(step)
                break
            head, count = step, count + 1
            if known.pop(step.seq, step.digest) != step.digest:
                faults.append(Fault(step.seq, "the record is not the one that was reported"))
            if lines.tells_of_pruning:
                pruned_to = max(pruned_to, int(body_of(lines.last).get("first_seq", 0)))
        if faults:
            break
    if not faults:
        faults += _absent(known, head, first_seq, pruned_to)
    return Verification(count, first_seq, head, tuple(faults))


class _Watched:
    """Lines as they pass, with a look at the latest."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self.last = b""
        self._lines = lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.last = line
            yield line

    @property
    def tells_of_pruning(self) -> bool:
        """Whether the latest record says that older segments were removed by the quota."""
        return b'"kind":"pruned"' in self.last


def _before(path: Path, seq: int, faults: list[Fault]) -> Head:
    """The head before the first record of a segment, as that record repeats it."""
    line = next(read_lines(path), b"")
    try:
        previous = str(body_of(line)["previous"])
        return Head.parse(f"{max(seq - 1, 0)}:{previous}") if seq else Head(-1, previous)
    except (ValueError, KeyError, InputError):
        faults.append(Fault(seq, "the first record of the segment is damaged"))
        return Head(seq - 1, "")


def _contradiction(known: dict[int, str], kept: Head) -> list[Fault]:
    if known.get(kept.seq, kept.digest) != kept.digest:
        return [Fault(kept.seq, "the head beside the log is not the one that was reported")]
    return []


def _absent(known: dict[int, str], head: Head, first_seq: int, pruned_to: int) -> list[Fault]:
    faults = [
        Fault(head.seq + 1, f"records up to {seq} were reported and are missing: the end was cut")
        for seq in known
        if seq > head.seq
    ]
    if first_seq > pruned_to:
        faults.append(Fault(0, f"records 0 to {first_seq - 1} are missing, and no record says why"))
    return faults
