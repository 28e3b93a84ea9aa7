"""Kept evidence as a data set: files, labels.csv and dataset.toml, as `lineside-train` reads them.

The label is a proposal: what the station predicted. A person corrects it before training.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.files import whole_folder
from edge_agent.evidence.folder import Kept
from edge_agent.evidence.record import Kind

COLUMNS = (
    "path", "label", "part", "prediction", "verdict", "score", "threshold", "cause", "channel",
    "bundle", "captured_at_ns", "sha256", "rate_hz",
)  # fmt: skip
GOOD, BAD = "good", "defect"
"""Proposed where the network gives no class of its own."""
UNKNOWN = ("", "anomaly", "normal")
"""Labels of detectors, which are no classes to learn."""


@dataclass(frozen=True)
class Exported:
    """What was written. lost: contents that the station removed meanwhile; labels: how often."""

    samples: int
    kind: Kind
    labels: dict[str, int] = field(default_factory=dict)
    lost: int = 0


def export(folder: Path, kept: Sequence[Kept], out: Path) -> Exported:
    """Write the data set `out`, which must not exist; all of `kept` are of one kind.

    Raises InputError where there is nothing to export or kinds are mixed, StorageError.
    """
    kind = _one_kind(kept)
    if out.exists():
        raise InputError("is there already", where=str(out), cure="name a new folder")
    with whole_folder(out) as workshop:
        rows = _write_files(folder, kept, workshop)
        if not rows:
            raise InputError("the station removed all of it meanwhile", where=str(folder))
        if kind == "tabular":
            rows = _with_tags(workshop, rows)
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with (workshop / "labels.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        good = {row["label"] for row in rows if row["verdict"] == "PASS"}
        labels = [row["label"] for row in rows]
        (workshop / "dataset.toml").write_text(_dataset_toml(kind, sorted(good), rows))
    counts = {label: labels.count(label) for label in sorted(set(labels))}
    return Exported(len(rows), kind, counts, len(kept) - len(rows))


def proposed_label(one: Kept) -> str:
    """The class that the station predicted; good or defect where it has none."""
    verdict = one.record.verdict
    if verdict.label not in UNKNOWN and verdict.verdict != "NO-VERDICT":
        return verdict.label
    return GOOD if verdict.verdict == "PASS" else BAD if verdict.verdict == "FAIL" else "unknown"


def _one_kind(kept: Sequence[Kept]) -> Kind:
    kinds = sorted({one.record.kind for one in kept})
    if not kinds:
        raise InputError("no evidence fits", cure="widen --since, --label, --verdict or --part")
    if len(kinds) > 1:
        raise InputError(
            f"{' and '.join(kinds)} cannot be one data set", cure="name one with --channel"
        )
    return kinds[0]


def _write_files(folder: Path, kept: Sequence[Kept], out: Path) -> list[dict[str, str]]:
    """One file for each record: one content under two parts is two samples of two groups."""
    rows: list[dict[str, str]] = []
    for one in kept:
        source = folder / one.record.file
        target = out / "files" / f"{_name(one)}{source.suffix}"
        target.parent.mkdir(exist_ok=True)
        try:
            shutil.copyfile(source, target)
        except FileNotFoundError:
            continue
        rows.append(_row(one, target.relative_to(out).as_posix()))
    return rows


def _name(one: Kept) -> str:
    record = one.record
    return f"{record.captured_at_ns:019d}-{record.verdict.channel}-{record.sha256[:12]}"


def _row(one: Kept, path: str) -> dict[str, str]:
    record, verdict = one.record, one.record.verdict
    values = (
        path, proposed_label(one), record.part_id, verdict.label, verdict.verdict, verdict.score,
        verdict.threshold, record.cause, verdict.channel, verdict.bundle, record.captured_at_ns,
        record.sha256, record.rate_hz,
    )  # fmt: skip
    cells = ["" if value is None else str(value) for value in values]
    return dict(zip(COLUMNS, cells, strict=True))


def _with_tags(out: Path, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows with the tags as columns in the place of files."""
    wide = []
    for row in rows:
        tags = json.loads((out / row.pop("path")).read_text())
        wide.append(row | {name: "" if tag is None else str(tag) for name, tag in tags.items()})
    shutil.rmtree(out / "files")
    return wide


def _dataset_toml(kind: Kind, good: list[str], rows: list[dict[str, str]]) -> str:
    task = f"{kind}-class"
    lines = [
        "# Exported by `lineside-agent evidence export`. The labels are the station's predictions:",
        "# correct them in labels.csv, then train.",
        f'task = "{task}"',
        f"good = {json.dumps(good or [GOOD])}",
    ]
    if kind == "tabular":
        about = [name for name in COLUMNS if name not in ("path", "label")]
        lines += ["", "[tabular]", 'file = "labels.csv"', 'label = "label"', 'series = "part"']
        lines += [f"exclude = {json.dumps([name for name in about if name != 'part'])}"]
        return "\n".join(lines) + "\n"
    lines += ['labels = "labels.csv"', 'group = "part"']
    if kind == "vibration":
        rates = {row["rate_hz"] for row in rows}
        lines += ["", "[vibration]"]
        lines += [f"rate_hz = {rates.pop()}"] if len(rates) == 1 else []
    return "\n".join(lines) + "\n"
