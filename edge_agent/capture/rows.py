"""Recorded process data as a source of rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_agent.capture.pace import Pace
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.clock import Clock
from edge_agent.contracts.errors import DeviceError, InputError
from edge_agent.contracts.tables import Row, Table, read_table, texts
from edge_agent.contracts.types import ProcessRow, Unreadable
from edge_agent.sources import RowsSource


class RowReplay:
    """Gives the rows of each table in order, tables in name order.

    The part id is the cell of `part_column`, else FILE#ROW as `lineside-agent predict` says it.
    A new table is a new stretch of time: `seq` leaves a hole before it.
    """

    def __init__(self, config: RowsSource, *, name: str, clock: Clock) -> None:
        self.live = config.rate_hz > 0
        self._config = config
        self._name = name
        self._clock = clock
        self._pace = Pace(config.rate_hz, clock)
        self._files: deque[Path] = deque()
        self._rows: Iterator[tuple[str, Row]] = iter(())
        self._opened = False
        self._seq = 0

    def open(self) -> None:
        """List the tables; raises DeviceError when there are none."""
        if self._opened:
            return
        path = self._config.path
        suffix = f".{self._config.driver}"
        files = [path] if path.is_file() else sorted(path.rglob(f"*{suffix}"))
        if not files:
            raise DeviceError(
                f"no {suffix} table",
                where=str(path),
                cure="correct `path` or `driver` of the source in station.toml",
            )
        self._files.extend(files)
        self._opened = True

    def next(self, timeout_s: float) -> ProcessRow | Unreadable | None:
        """The next row; EndOfSource after the last table."""
        if not self._pace.wait(timeout_s):
            return None
        found = next(self._rows, None)
        while found is None:
            if not self._files:
                raise EndOfSource
            path = self._files.popleft()
            try:
                self._rows = self._read(path)
                found = next(self._rows, None)
            except InputError as error:
                return self._unreadable(path, str(error))
            self._seq += self._seq > 0
        at_ns, mono_ns = self._clock.utc_ns(), self._clock.mono_ns()
        part_id, row = found
        return ProcessRow(row, at_ns, mono_ns, self._count(), self._name, part_id)

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
        for at, name in enumerate(names):
            row = {tag: _cell(cells[at]) for tag, cells in table.columns.items()}
            yield name or f"{self._file(path)}#{at}", row

    def _unreadable(self, path: Path, reason: str) -> Unreadable:
        at_ns, mono_ns = self._clock.utc_ns(), self._clock.mono_ns()
        return Unreadable(reason, at_ns, mono_ns, self._count(), self._name, self._file(path))

    def _file(self, path: Path) -> str:
        root = self._config.path
        return path.name if path == root else path.relative_to(root).as_posix()

    def _count(self) -> int:
        seq, self._seq = self._seq, self._seq + 1
        return seq


def _cell(cell: np.str_ | np.float64) -> float | str | None:
    """A cell as a message would bring it; None where a column of numbers has no value."""
    if isinstance(cell, np.str_):
        return str(cell)
    return None if np.isnan(cell) else float(cell)
