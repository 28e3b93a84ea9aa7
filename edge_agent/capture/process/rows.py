"""Recorded process data as a source of rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from edge_agent.capture.counter import ItemCounter
from edge_agent.capture.file_sequence import FileItems, FileSequence
from edge_agent.capture.rate_limiter import RateLimiter
from edge_agent.capture.source import RateHz, SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import ProcessRow, Unreadable
from edge_agent.contracts.process.tables import Row, Table, read_table, texts
from edge_agent.settings.toml import StationPath


class RowsTable(SourceTable):
    """Rows of process tags from a file, or from a folder of files in name order."""

    driver: Literal["rows"]
    path: StationPath = Field(description="one table, or a folder of them")
    format: Literal["auto", "csv", "parquet"] = Field(
        default="auto", description="kind of file; auto: Parquet where such a file lies there"
    )
    header: list[str] = Field(
        default_factory=list, max_length=512, description="columns of files without header line"
    )
    part_column: str = Field(default="", description="names the part; empty: FILE#ROW")
    rate_hz: RateHz = Field(default=0, description="rows a second; 0: as fast as the line takes")

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The suffixes of the files that are read."""
        return (".parquet", ".csv") if self.format == "auto" else (f".{self.format}",)


class RowReplay:
    """Gives the rows of each table in order, tables in name order.

    The part id is the cell of `part_column`, else FILE#ROW as `lineside-agent predict` says it.
    A new table is a new stretch of time: `seq` leaves a hole before it.
    """

    def __init__(self, config: RowsTable, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._counter = ItemCounter(name, clock)
        self._rate = RateLimiter(config.rate_hz, clock)
        self._files = FileSequence(config.path, config.suffixes, "table")
        self._rows = FileItems(self._files, self._read)

    def open(self) -> None:
        """List the tables and read the first; raises DeviceError when there are none."""
        self._rows.open()

    def next(self, timeout_s: float) -> ProcessRow | Unreadable | None:
        """The next row; EndOfSource after the last table."""
        if not self._rate.wait(timeout_s):
            return None
        part_id, found = self._rows.next()
        if isinstance(found, InputError):
            return Unreadable(str(found), *self._counter.stamp(), part_id)
        return ProcessRow(found, *self._counter.stamp(), part_id)

    def close(self) -> None:
        """Nothing is held."""

    def _read(self, path: Path) -> Iterator[tuple[str, Row]]:
        table = read_table(path, self._config.header)
        column = self._config.part_column
        if column and column not in table.columns:
            raise InputError(
                f"no column {column!r}; the columns are {', '.join(list(table.columns)[:12])}",
                where=str(path),
                cure="correct part_column",
            )
        return self._named(table, path)

    def _named(self, table: Table, path: Path) -> Iterator[tuple[str, Row]]:
        column = self._config.part_column
        names = texts(table, column).tolist() if column else [""] * len(table)
        self._counter.skip()
        for at, name in enumerate(names):
            row = {tag: _cell(cells[at]) for tag, cells in table.columns.items()}
            yield name or f"{self._files.part_id(path)}#{at}", row


def _cell(cell: np.str_ | np.float64) -> float | str | None:
    """A cell as a message would bring it; None where a column of numbers has no value."""
    if isinstance(cell, np.str_):
        return str(cell)
    return None if np.isnan(cell) else float(cell)


DRIVER = SourceDriver(RowsTable, RowReplay, replays=Path.exists)
