"""A data set that grows at the station, in the layout that the trainer reads."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import tomli_w

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import fsync_dir, storage_error, write_atomic
from edge_agent.contracts.core.toml import read_toml_document
from edge_agent.contracts.core.types import Frame, ProcessRow, Reading

Kind: TypeAlias = Literal["image", "vibration", "tabular"]

COMMON = ("label", "part", "session", "channel", "captured_at_ns")
COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    "image": ("path", *COMMON),
    "vibration": ("path", *COMMON, "rate_hz", "rpm"),
    "tabular": COMMON,
}
"""Columns of labels.csv; those of tags follow."""
LABEL = re.compile(r"[^\W_][\w .+-]{0,62}")
"""What may be the name of a folder everywhere."""


class TrainingFolder:
    """Adds samples of one label to the data set `folder`, new or begun by an earlier session.

    session: names this collection in labels.csv. Every sample is durable when add() returns.
    """

    def __init__(
        self, folder: Path, kind: Kind, label: str, *, good: bool, session: str, channel: str
    ) -> None:
        self.folder = folder
        self.count = 0
        self._kind = kind
        self._label = label
        self._good = good
        self.session = session
        self._channel = channel
        self._columns: list[str] = []

    def prepare(self, axes: tuple[str, ...] = (), unit: str = "g") -> None:
        """Create the folder, or go on in one that is of this kind; raises ConfigError or
        StorageError."""
        if not LABEL.fullmatch(self._label):
            raise ConfigError(
                f"{self._label!r} cannot be the name of a folder",
                where="--label",
                cure="use letters, digits, space, dot, plus, minus and underscore",
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(self.folder, error) from error
        path = self.folder / "dataset.toml"
        known = read_toml_document(path) if path.exists() else {}
        task = str(known.get("task", ""))
        if known and not task.startswith(f"{self._kind}-"):
            raise ConfigError(
                f"is a data set of task {task!r}, this channel is {self._kind}",
                where=str(self.folder),
                cure="name another --out",
            )
        table: dict[str, Any] = known or self._new_table(axes, unit)
        listed = table.get("good", [])
        if not isinstance(listed, list):
            raise ConfigError("`good` is no list", where=str(path), cure='write good = ["..."]')
        good = [str(label) for label in listed]
        if self._good and self._label not in good:
            table["good"] = [*good, self._label]
        write_atomic(path, tomli_w.dumps(table).encode())

    def add(self, item: Frame | Reading | ProcessRow, part: str, axes: tuple[str, ...]) -> Path:
        """Write one sample; gives its file (labels.csv for a row). Raises StorageError."""
        name = f"{self._label}/{self.session}-{self.count:06d}"
        cells: dict[str, object] = {
            "label": self._label,
            "part": part,
            "session": self.session,
            "channel": self._channel,
            "captured_at_ns": item.captured_at_ns,
        }
        if isinstance(item, Frame):
            name += ".png"
            write_atomic(self.folder / name, png_bytes(item))
        elif isinstance(item, Reading):
            name += ".npz"
            write_atomic(self.folder / name, npz_bytes(item, axes))
            cells |= {"rate_hz": item.rate_hz, "rpm": "" if item.rpm is None else item.rpm}
        else:
            name = "labels.csv"
            cells |= {tag: "" if value is None else value for tag, value in item.tags.items()}
        if not isinstance(item, ProcessRow):
            cells["path"] = name
        self._append(cells)
        self.count += 1
        return self.folder / name

    def _new_table(self, axes: tuple[str, ...], unit: str) -> dict[str, object]:
        table: dict[str, object] = {"task": f"{self._kind}-class", "good": []}
        if self._kind == "tabular":
            about = [name for name in COMMON if name not in ("label", "part")]
            columns = {"file": "labels.csv", "label": "label", "series": "part"}
            return table | {"tabular": columns | {"exclude": about}}
        table |= {"labels": "labels.csv", "group": "part"}
        if self._kind == "vibration":
            table["vibration"] = {"axes": list(axes), "unit": unit}
        return table

    def _append(self, cells: Mapping[str, object]) -> None:
        path = self.folder / "labels.csv"
        try:
            if not self._columns:
                self._columns = self._header(path, cells)
            with path.open("a", newline="", encoding="utf-8") as stream:
                csv.DictWriter(stream, self._columns, lineterminator="\n").writerow(cells)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise storage_error(path, error) from error

    def _header(self, path: Path, cells: Mapping[str, object]) -> list[str]:
        """The columns of labels.csv, which is begun where there is none."""
        columns = [
            *COLUMNS[self._kind],
            *(name for name in cells if name not in COLUMNS[self._kind]),
        ]
        if not path.exists():
            path.write_text(",".join(columns) + "\n", encoding="utf-8")
            fsync_dir(self.folder)
            return columns
        with path.open(newline="", encoding="utf-8") as stream:
            known = next(csv.reader(stream), [])
        if set(known) != set(columns):
            raise ConfigError(
                f"has the columns {', '.join(known)}, this channel gives {', '.join(columns)}",
                where=str(path),
                cure="name another --out",
            )
        return known


def png_bytes(frame: Frame) -> bytes:
    """The frame as a lightly compressed PNG: exactly its pixels."""
    pixels = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
    _, payload = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return payload.tobytes()


def npz_bytes(reading: Reading, axes: tuple[str, ...]) -> bytes:
    """The reading as a .npz: a vector an axis, its measured rate, and the speed where known."""
    columns: dict[str, object] = {
        axis: np.asarray(reading.signal[:, at], np.float32) for at, axis in enumerate(axes)
    }
    columns["rate_hz"] = np.float64(reading.rate_hz)
    if reading.rpm is not None:
        columns["rpm"] = np.float64(reading.rpm)
    payload = io.BytesIO()
    np.savez(payload, **columns)  # type: ignore[arg-type]
    return payload.getvalue()
