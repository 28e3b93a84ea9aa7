"""Kept evidence as a data set: files, masks, labels.csv, dataset.toml, as the trainer reads them.

The label is what people agreed on, else a proposal: what the station predicted. `labelled` says
which; a person corrects the proposals before training. What people disagree on is left out.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.files import whole_folder
from edge_agent.contracts.core.json_text import load_json_object
from edge_agent.evidence.folder import Kept
from edge_agent.evidence.labels import MISSED, Labels, Vote, draw_mask, read_labels
from edge_agent.evidence.record import Kind

COLUMNS = (
    "path", "label", "part", "prediction", "verdict", "score", "threshold", "cause", "channel",
    "bundle", "captured_at_ns", "sha256", "rate_hz", "labelled", "mask",
)  # fmt: skip
GOOD, BAD = "good", "defect"
"""Proposed where the network gives no class of its own."""
THRESHOLDS_FILE = "thresholds.json"
"""In the state folder: what edge_agent.decide.station_threshold keeps."""
UNKNOWN = ("", "anomaly", "normal")
"""Labels of detectors, which are no classes to learn."""


@dataclass
class Exported:
    """What was written. lost: contents that the station removed meanwhile; labels: how often.

    disputed: left out because people disagree.
    """

    samples: int = 0
    kind: Kind = "image"
    labels: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    disputed: int = 0


def export(folder: Path, kept: Sequence[Kept], out: Path) -> Exported:
    """Write the data set `out`, which must not exist; all of `kept` are of one kind.

    Raises InputError where there is nothing to export or kinds are mixed, StorageError.
    """
    done = Exported()
    files = data_set(folder, kept, done)
    if out.exists():
        raise InputError("is there already", where=str(out), cure="name a new folder")
    with whole_folder(out) as workshop:
        for name, payload in files:
            target = workshop / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(payload)
    return done


def data_set(folder: Path, kept: Sequence[Kept], done: Exported) -> Iterator[tuple[str, bytes]]:
    """The files of the data set one after the other, labels.csv and dataset.toml last.

    done: is filled on the way. Raises InputError at once where there is nothing to export or kinds
    are mixed, and at the end where everything is gone.
    """
    done.kind = _one_kind(kept)
    return _files(folder, kept, done)


def _files(folder: Path, kept: Sequence[Kept], done: Exported) -> Iterator[tuple[str, bytes]]:
    """One file for each record: one content under two parts is two samples of two groups."""
    rows: list[dict[str, str]] = []
    good: set[str] = set()
    for one in kept:
        said = read_labels(folder, one.stem)
        if said.state == "disputed":
            done.disputed += 1
            continue
        try:
            payload = (folder / one.record.file).read_bytes()
            tags = load_json_object(payload, finite=False) if done.kind == "tabular" else {}
        except (FileNotFoundError, ValueError):  # removed meanwhile, or damaged on the card
            done.lost += 1
            continue
        row = _row(one, said)
        good |= {row["label"]} if _is_good(one, said) else set()
        if done.kind == "tabular":
            row.pop("path")
            row |= {name: "" if tag is None else str(tag) for name, tag in tags.items()}
        else:
            yield row["path"], payload
        yield from _mask(one, said.agreed, row)
        rows.append(row)
    if not rows:
        what = "the station removed all of it, or it is damaged"
        what = "people disagree on all of it" if done.disputed else what
        raise InputError(what, where=str(folder), cure="choose other items")
    labels = [row["label"] for row in rows]
    done.samples = len(rows)
    done.labels = {label: labels.count(label) for label in sorted(set(labels))}
    yield from _station_thresholds(folder)
    yield "labels.csv", _table(rows)
    yield "dataset.toml", _dataset_toml(done.kind, sorted(good), rows).encode()


def proposed_label(one: Kept, said: Labels | None = None) -> str:
    """The class that the station predicted; good or defect where it has none."""
    verdict = one.record.verdict
    if one.record.cause == MISSED or (said is not None and said.missed):
        return MISSED
    if verdict.label not in UNKNOWN and verdict.verdict != "NO-VERDICT":
        return verdict.label
    return GOOD if verdict.verdict == "PASS" else BAD if verdict.verdict == "FAIL" else "unknown"


def _is_good(one: Kept, said: Labels) -> bool:
    """Whether the label of a record is one of good parts."""
    if said.agreed:
        return not said.agreed.is_defect
    is_missed = one.record.cause == MISSED or said.missed is not None
    return one.record.verdict.verdict == "PASS" and not is_missed


def _mask(one: Kept, vote: Vote | None, row: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Where a person has drawn the defect: a grey PNG of the picture's size, 255 at the defect."""
    if vote is None or one.record.kind != "image" or not (vote.boxes or vote.strokes):
        return
    mask = draw_mask(one.record.shape, vote.boxes, vote.strokes)
    done, encoded = cv2.imencode(".png", mask)
    if done and mask.any():
        row["mask"] = f"masks/{Path(row['path']).stem}.png"
        yield row["mask"], encoded.tobytes()


def _station_thresholds(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The thresholds that were moved at the station go back to the workshop."""
    try:
        yield THRESHOLDS_FILE, (folder.parent / THRESHOLDS_FILE).read_bytes()
    except FileNotFoundError:
        return


def _table(rows: list[dict[str, str]]) -> bytes:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not any(row.get("mask") for row in rows):
        columns.remove("mask")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _one_kind(kept: Sequence[Kept]) -> Kind:
    kinds = sorted({one.record.kind for one in kept})
    if not kinds:
        raise InputError("no evidence fits", cure="widen --since, --label, --verdict or --part")
    if len(kinds) > 1:
        raise InputError(
            f"{' and '.join(kinds)} cannot be one data set", cure="name one with --channel"
        )
    return kinds[0]


def _name(one: Kept) -> str:
    record = one.record
    return f"{record.captured_at_ns:019d}-{record.verdict.channel}-{record.sha256[:12]}"


def _row(one: Kept, said: Labels) -> dict[str, str]:
    record, verdict = one.record, one.record.verdict
    label = said.agreed.label if said.agreed else proposed_label(one, said)
    path = f"files/{_name(one)}{Path(record.file).suffix}"
    values = (
        path, label, record.part_id, verdict.label, verdict.verdict, verdict.score,
        verdict.threshold, record.cause, verdict.channel, verdict.bundle, record.captured_at_ns,
        record.sha256, record.rate_hz, said.state if said.agreed else "", "",
    )  # fmt: skip
    cells = ["" if value is None else str(value) for value in values]
    return dict(zip(COLUMNS, cells, strict=True))


def _dataset_toml(kind: Kind, good: list[str], rows: list[dict[str, str]]) -> str:
    task = f"{kind}-class"
    lines = [
        "# Exported by a station. Where the column `labelled` is empty, the label is the station's",
        "# prediction: correct it in labels.csv, then train.",
        f'task = "{task}"',
        f"good = {json.dumps(good or [GOOD])}",
    ]
    if kind == "tabular":
        about = [name for name in COLUMNS if name not in ("path", "label", "mask")]
        lines += ["", "[tabular]", 'file = "labels.csv"', 'label = "label"', 'series = "part"']
        lines += [f"exclude = {json.dumps([name for name in about if name != 'part'])}"]
        return "\n".join(lines) + "\n"
    lines += ['labels = "labels.csv"', 'group = "part"']
    if kind == "vibration":
        rates = {row["rate_hz"] for row in rows}
        lines += ["", "[vibration]"]
        lines += [f"rate_hz = {rates.pop()}"] if len(rates) == 1 else []
    return "\n".join(lines) + "\n"
