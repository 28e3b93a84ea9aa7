"""Kept evidence as the page asks for it: filtered, in order, a page at a time.

Records never change, so each is read once; what people say of it is read again when its file is
newer. A row is small: ten thousand take some megabytes, and none before somebody looks.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from edge_agent.evidence.export import proposed_label
from edge_agent.evidence.folder import (
    LABEL,
    PROTECTED,
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
            and self._is_which(row)
        )

    def _is_within(self, score: float | None) -> bool:
        if self.low is None and self.high is None:
            return True
        if score is None:
            return False
        below = self.high is None or score <= self.high
        return below and (self.low is None or score >= self.low)

    def _is_which(self, row: EvidenceRow) -> bool:
        state, voters = row.labels.state, {vote.by for vote in row.labels.last}
        return {
            "all": True,
            "todo": state == "todo",
            "review": state == "labelled" and self.caller not in voters,
            "labelled": state in ("labelled", "confirmed"),
            "disputed": state == "disputed",
            "missed": row.labels.missed is not None,
            "protected": row.protected,
        }[self.which]


class EvidenceIndex:
    """The rows of one evidence folder; any thread may call it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows: dict[str, EvidenceRow] = {}
        self._lock = threading.Lock()

    def find(self, wanted: Wanted, order: Order = "newest") -> list[EvidenceRow]:
        """The rows that are meant, in their order."""
        return ordered([row for row in self.rows() if wanted.fits(row)], order)

    def row(self, stem: str) -> EvidenceRow | None:
        """The row of a record, as it is on disk now."""
        with self._lock:
            self._look()
            return self._rows.get(stem)

    def rows(self) -> list[EvidenceRow]:
        """Every row, as it is on disk now, the oldest first."""
        with self._lock:
            self._look()
            return list(self._rows.values())

    def labels(self) -> Counter[tuple[str, bool]]:
        """What people called things: (label, whether it is a defect) -> how often."""
        return Counter(
            (vote.label, vote.is_defect) for row in self.rows() for vote in row.labels.last
        )

    def _look(self) -> None:
        """Take up what the station, the page or a person at the shell has changed."""
        names, versions = _names(records_folder(self.folder))
        found = stems(names)
        rows = {}
        for stem in sorted(found):
            row = self._rows.get(stem) or _row(self.folder, stem)
            if row is not None:
                rows[stem] = _fresh(row, self.folder, names, versions)
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
) -> EvidenceRow:
    """The row with its marks and labels as they are now."""
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
