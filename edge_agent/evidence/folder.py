"""The folder of kept evidence: where what lies, and what is in it.

STATE_DIR/evidence/
    objects/ab/SHA256.png      a picture (.png .jpg), recording (.npz) or row of tags (.tags)
    records/STEM.json          how it was judged; STEM is TIME_CHANNEL_SHA256
    records/STEM.heat.png      the detector's map
    records/STEM.protected     nobody removes it
    records/STEM.label.json    what people say of it (edge_agent.evidence.labels)

The JSON file is written last and removed first, so whatever it names is there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.evidence.record import EvidenceRecord

LOG = logging.getLogger("lineside.evidence")
RECORD = ".json"
HEAT = ".heat.png"
PROTECTED = ".protected"
LABEL = ".label.json"


@dataclass(frozen=True)
class Kept:
    """One record as it lies on disk."""

    stem: str
    record: EvidenceRecord
    protected: bool


def objects_folder(folder: Path) -> Path:
    """Where pictures, recordings and tags lie."""
    return folder / "objects"


def records_folder(folder: Path) -> Path:
    """Where records, heat maps and marks of protection lie."""
    return folder / "records"


def object_path(folder: Path, sha256: str, suffix: str) -> Path:
    """The file of a content."""
    return objects_folder(folder) / sha256[:2] / f"{sha256}{suffix}"


def find_object(folder: Path, sha256: str) -> Path | None:
    """The kept file of a content, or None."""
    return next(iter(sorted((objects_folder(folder) / sha256[:2]).glob(f"{sha256}.*"))), None)


def stem_of(record: EvidenceRecord) -> str:
    """The name of a record; sorted by name they are in the order of their capture."""
    return f"{record.captured_at_ns:019d}_{record.verdict.channel}_{record.sha256}"


def sha256_of_stem(stem: str) -> str:
    """The content that a record is about."""
    return stem.rpartition("_")[2]


def read_kept(folder: Path) -> Iterator[Kept]:
    """Every record, oldest first; one that the station removes meanwhile is left out."""
    records = records_folder(folder)
    for stem in sorted(stems(path.name for path in records.glob(f"[!.]*{RECORD}"))):
        one = read_one(folder, stem)
        if one is not None:
            yield one


def read_one(folder: Path, stem: str) -> Kept | None:
    """One record; None where the station has removed it, or it is none."""
    records = records_folder(folder)
    record = _read(records / f"{stem}{RECORD}")
    if record is None:
        return None
    return Kept(stem, record, (records / f"{stem}{PROTECTED}").exists())


def stems(names: Iterable[str]) -> set[str]:
    """The records among the names of files."""
    return {
        name.removesuffix(RECORD)
        for name in names
        if name.endswith(RECORD) and not name.endswith(LABEL)
    }


def protect(folder: Path, stem: str) -> None:
    """Let nobody remove a record; raises InputError where there is none, StorageError."""
    refuse_unknown(folder, stem)
    write_atomic(records_folder(folder) / f"{stem}{PROTECTED}", b"")


def unprotect(folder: Path, stem: str) -> None:
    """Let a record go when its turn comes; raises InputError where there is none."""
    refuse_unknown(folder, stem)
    (records_folder(folder) / f"{stem}{PROTECTED}").unlink(missing_ok=True)


def _read(path: Path) -> EvidenceRecord | None:
    try:
        return EvidenceRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        LOG.warning("%s: not a record of evidence (%s)", path, type(error).__name__)
        return None


def refuse_unknown(folder: Path, stem: str) -> None:
    """Raises InputError where there is no such record."""
    if not (records_folder(folder) / f"{stem}{RECORD}").is_file():
        raise InputError(
            f"no record {stem}",
            where=str(folder),
            cure="`lineside-agent evidence list` names what is kept",
        )
