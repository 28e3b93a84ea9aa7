"""Kept evidence as the page asks for it: filtered, in order, a page at a time.

Records never change, so each is read once; what people say of it is read again when its file is
newer. A row is small: ten thousand take some megabytes, and none before somebody looks.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from edge_agent.evidence.export import proposed_label
from edge_agent.evidence.folder import (
    LABEL,
    PROTECTED,
    RECORD,
    Kept,
    read_one,
    records_folder,
    stems,
)
from edge_agent.evidence.labels import MISSED, Labels, read_labels

Order: TypeAlias = Literal["newest", "oldest", "unsure", "score"]
Which: TypeAlias = Literal["all", "todo", "review", "labelled", "disputed", "missed", "protected"]
NO_LABELS = Labels()


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One record. distance: of the score from the threshold, in parts of it; None: unknown."""

    stem: str
    part_id: str
    at_ns: int
    channel: str
    kind: str
    cause: str
    verdict: str
    prediction: str
    proposal: str
    score: float | None
    threshold: float | None
    has_heat: bool
    protected: bool = False
    labels: Labels = NO_LABELS
    version: tuple[int, int] = (0, 0)

    @property
    def distance(self) -> float | None:
        """How far the score is from the threshold, in parts of the threshold."""
        if self.score is None or self.threshold is None:
            return None
        return abs(self.score - self.threshold) / max(abs(self.threshold), 1e-9)

    @property
    def proposed(self) -> str:
        """What the item is taken for until somebody labels it."""
        return MISSED if self.labels.missed else self.proposal

    @property
    def label(self) -> str:
        """What people agreed on, else what is proposed."""
        agreed = self.labels.agreed
        return agreed.label if agreed else self.proposed


@dataclass(frozen=True)
class Wanted:
    """Which rows. Empty or None: any. caller: who asks, for the second review."""

    which: Which = "all"
    since_ns: int = 0
    until_ns: int | None = None
    part: str = ""
    verdict: str = ""
    label: str = ""
    channel: str = ""
    low: float | None = None
    high: float | None = None
    caller: str = ""

    def fits(self, row: EvidenceRow) -> bool:
        """Whether a row is meant; part: any piece of the part's name."""
        is_old = row.at_ns < self.since_ns
        is_new = self.until_ns is not None and row.at_ns > self.until_ns
        return (
            not is_old
            and not is_new
            and self.part.casefold() in row.part_id.casefold()
            and self.verdict in ("", row.verdict)
            and self.label in ("", row.label)
            and self.channel in ("", row.channel)
            and self._is_within(row.score)
            and (self.which == "all" or self.which in tabs_of(row, self.caller))
        )

    def _is_within(self, score: float | None) -> bool:
        if self.low is None and self.high is None:
            return True
        if score is None:
            return False
        below = self.high is None or score <= self.high
        return below and (self.low is None or score >= self.low)


def tabs_of(row: EvidenceRow, caller: str) -> set[Which]:
    """Which of the choices of items a row belongs to, as the caller sees them."""
    state = row.labels.state
    found: set[Which] = {"all"}
    if state == "todo":
        found.add("todo")
    elif state == "disputed":
        found.add("disputed")
    else:
        found.add("labelled")
    if state == "labelled" and all(vote.by != caller for vote in row.labels.last):
        found.add("review")
    if row.labels.missed is not None:
        found.add("missed")
    if row.protected:
        found.add("protected")
    return found


class EvidenceIndex:
    """The rows of one evidence folder; any thread may call it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows: dict[str, EvidenceRow] = {}
        self._lock = threading.Lock()
        self._changed_ns = -1
        self._settled = False

    def find(self, wanted: Wanted, order: Order = "newest") -> list[EvidenceRow]:
        """The rows that are meant, in their order."""
        return ordered([row for row in self.rows() if wanted.fits(row)], order)

    def row(self, stem: str) -> EvidenceRow | None:
        """The row of a record, as it is on disk now."""
        with self._lock:
            if stem not in self._rows:
                self._look()
            row = self._rows.get(stem)
            fresh = None if row is None else _fresh(row, self.folder, *_names_of(self.folder, stem))
            if fresh is None:
                self._rows.pop(stem, None)
            else:
                self._rows[stem] = fresh
            return fresh

    def rows(self) -> list[EvidenceRow]:
        """Every row, as it is on disk now, the oldest first."""
        with self._lock:
            self._look()
            return list(self._rows.values())

    def _look(self) -> None:
        """Take up what the station, the page or a person at the shell has changed.

        A folder that has the time of change of the last two looks is as it was: one look may fall
        into the same tick of the clock as a change, two do not.
        """
        changed_ns = _changed_ns(records_folder(self.folder))
        if self._settled and changed_ns == self._changed_ns:
            return
        self._settled = changed_ns == self._changed_ns
        self._changed_ns = changed_ns
        names, versions = _names(records_folder(self.folder))
        rows = {}
        for stem in sorted(stems(names)):
            row = self._rows.get(stem) or _row(self.folder, stem)
            fresh = None if row is None else _fresh(row, self.folder, names, versions)
            if fresh is not None:
                rows[stem] = fresh
        self._rows = rows


def ordered(rows: list[EvidenceRow], order: Order) -> list[EvidenceRow]:
    """Rows by time, by their distance from the threshold (the least first), or the worst first."""
    if order == "unsure":
        return sorted(rows, key=lambda row: (row.distance is None, row.distance or 0.0))
    if order == "score":
        return sorted(rows, key=lambda row: -(row.score if row.score is not None else -1e300))
    return sorted(rows, key=lambda row: row.stem, reverse=order == "newest")


def _names(folder: Path) -> tuple[set[str], dict[str, tuple[int, int]]]:
    """The names of a folder, and the versions of the files of labels among them."""
    names: set[str] = set()
    versions: dict[str, tuple[int, int]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.add(entry.name)
                if entry.name.endswith(LABEL):
                    versions[entry.name] = (entry.stat().st_mtime_ns, entry.inode())
    except FileNotFoundError:
        return names, versions
    return {name for name in names if not name.startswith(".")}, versions


def _names_of(folder: Path, stem: str) -> tuple[set[str], dict[str, tuple[int, int]]]:
    """As _names, of one record alone."""
    names: set[str] = set()
    versions: dict[str, tuple[int, int]] = {}
    for suffix in (RECORD, PROTECTED, LABEL):
        name = f"{stem}{suffix}"
        try:
            found = (records_folder(folder) / name).stat()
        except OSError:
            continue
        names.add(name)
        if suffix == LABEL:
            versions[name] = (found.st_mtime_ns, found.st_ino)
    return names, versions


def _changed_ns(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return -1


def _row(folder: Path, stem: str) -> EvidenceRow | None:
    kept = read_one(folder, stem)
    if kept is None:
        return None
    record, verdict = kept.record, kept.record.verdict
    return EvidenceRow(
        stem=stem,
        part_id=record.part_id,
        at_ns=record.captured_at_ns,
        channel=verdict.channel,
        kind=record.kind,
        cause=record.cause,
        verdict=verdict.verdict.value,
        prediction=verdict.label,
        proposal=proposed_label(kept),
        score=verdict.score,
        threshold=verdict.threshold,
        has_heat=record.heat_map is not None,
    )


def _fresh(
    row: EvidenceRow, folder: Path, names: set[str], versions: dict[str, tuple[int, int]]
) -> EvidenceRow | None:
    """The row with its marks and labels as they are now; None where the record is gone."""
    if f"{row.stem}{RECORD}" not in names:
        return None
    protected = f"{row.stem}{PROTECTED}" in names
    version = versions.get(f"{row.stem}{LABEL}", (0, 0))
    if protected == row.protected and version == row.version:
        return row
    labels = read_labels(folder, row.stem) if any(version) else NO_LABELS
    return replace(row, protected=protected, labels=labels, version=version)


def kept_of(folder: Path, rows: Iterable[EvidenceRow]) -> list[Kept]:
    """The records of rows; what the station has removed meanwhile is left out."""
    found = (read_one(folder, row.stem) for row in rows)
    return [one for one in found if one is not None]
