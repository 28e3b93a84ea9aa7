"""A data set as a table of samples, without having read one image or signal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.folder_scan import LeftOut
from edge_agent.contracts.process.tables import Table
from trainer.data.dataset_toml import DatasetConfig

Indices = NDArray[np.intp]
"""Positions in Dataset.samples."""


@dataclass(frozen=True)
class Sample:
    """One file, or a stretch of a recording; `path` is relative to the data set.

    group: no split may cut it (empty: the sample stands alone); fold, split: as given, or empty;
    span: the part of the recording, as fractions of its length; masks: pictures of its defects;
    value: what a regression predicts, its label being the name of that quantity;
    row: its row in the process table, from 0.
    """

    path: str
    label: str
    group: str = ""
    fold: str = ""
    split: str = ""
    rate_hz: float | None = None
    span: tuple[float, float] = (0.0, 1.0)
    masks: tuple[str, ...] = ()
    value: float | None = None
    row: int = -1
    conditions: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Dataset:
    """The samples under `root`; `decisions` says in sentences what nobody wrote down.

    left_out: what lies in the folder and is no sample;
    table: of process data the whole table, read once; `Sample.row` points into it.
    """

    root: Path
    config: DatasetConfig
    samples: tuple[Sample, ...]
    decisions: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unlisted: int = 0
    left_out: tuple[LeftOut, ...] = ()
    table: Table | None = field(default=None, compare=False, repr=False)

    @property
    def labels(self) -> list[str]:
        """All labels, sorted."""
        return sorted({sample.label for sample in self.samples})

    @property
    def good(self) -> list[str]:
        """The good labels that occur."""
        return [label for label in self.labels if label in self.config.good]

    def file(self, index: int) -> Path:
        """The absolute path of a sample; for a row of a process table the table's."""
        return self.root / self._name(self.samples[index].path)

    def counts(self) -> dict[str, int]:
        """Label -> samples."""
        return dict(sorted(Counter(sample.label for sample in self.samples).items()))

    def groups(self) -> list[str]:
        """The group of every sample; one that stands alone is its own."""
        return [
            sample.group or f"{sample.path}#{index}" for index, sample in enumerate(self.samples)
        ]

    def is_bad(self) -> NDArray[np.bool_]:
        """Whether each sample is a defect."""
        return np.array([sample.label not in self.config.good for sample in self.samples])

    def targets(self) -> NDArray[np.int64]:
        """The place of each sample's label in `labels`."""
        number_of = {label: number for number, label in enumerate(self.labels)}
        return np.array([number_of[sample.label] for sample in self.samples], np.int64)

    def values(self) -> NDArray[np.float64]:
        """The true value of every sample for a regression; not a number where it has none."""
        values = [np.nan if s.value is None else s.value for s in self.samples]
        return np.array(values, np.float64)

    def with_samples(self, samples: Iterable[Sample], *decisions: str) -> Dataset:
        """The same data set with other samples, and why."""
        return replace(
            self,
            samples=tuple(samples),
            decisions=self.decisions + tuple(d for d in decisions if d),
        )

    def sha256(self) -> str:
        """Over every path, label, group and file content; the order on disk does not matter."""
        names = {self._name(sample.path) for sample in self.samples}
        files = {name: sha256_hex(self._bytes(name)) for name in names}
        rows = sorted(
            f"{s.path}\t{s.label}\t{s.group}\t{files[self._name(s.path)]}" for s in self.samples
        )
        return sha256_hex("\n".join(rows).encode())

    def _name(self, path: str) -> str:
        return path if self.config.tabular is None else self.config.tabular.file

    def _bytes(self, path: str) -> bytes:
        try:
            return (self.root / path).read_bytes()
        except OSError as error:
            raise DatasetError(
                f"cannot be read ({error.strerror})",
                where=str(self.root / path),
                cure="run lineside-train check",
            ) from error
