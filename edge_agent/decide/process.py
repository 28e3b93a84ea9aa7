"""A process watched row by row: each is prepared once, and what looks back waits for its window.

The same functions as in the workshop prepare a row (edge_agent.contracts.process.input). Rows are
judged only when the whole window has been seen: a station does not invent the rows before its
first.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Item, Judgement, ProcessRow
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.process.input import TabularInput, prepare_rows
from edge_agent.contracts.process.tables import Row, find_column, numbers, table_of_rows, texts
from edge_agent.decide.alarm_history import MOST_SERIES, AlarmRule
from edge_agent.decide.inspector import Network, wrong_item

CURE = "check the sensor, or judge the part by hand"


@dataclass
class Past:
    """The newest rows of one series: prepared, with why each was refused, and the row before.

    values: float32 (width,) each, oldest first.
    """

    values: deque[NDArray[np.float32]]
    refused: deque[str]
    before: Row | None = field(default=None)

    def begin_anew(self) -> None:
        """Forget the rows."""
        self.values.clear()
        self.refused.clear()
        self.before = None


class ProcessInspector:
    """Judges the rows of one source in their order; one thread at a time may use it.

    A hole in `seq` empties every window: rows that were lost cannot be looked back on. The alarm
    rule counts the rows that were judged, over holes too: where rows are lost often no alarm would
    ever come otherwise. alarm: by default the bundle's own rule; each series has its own history.
    """

    needs_every_item = True

    def __init__(self, network: Network, *, alarm: AlarmRule | None = None) -> None:
        self._network = network
        self._alarm = alarm or AlarmRule(network.spec.scoring.persistence)
        self._input = _tabular(network.spec)
        self._holds = any(tag.missing == "hold" for tag in self._input.tags)
        self._past: OrderedDict[str, Past] = OrderedDict()
        self._next_seq = 0

    def inspect(self, item: Item) -> Judgement:
        """Judge the newest row; raises InputError that names the tag, or the number of rows that
        are still lacking.
        """
        if not isinstance(item, ProcessRow):
            raise wrong_item(item, "rows of tags")
        return self._inspect_row(item)

    def _inspect_row(self, row: ProcessRow) -> Judgement:
        if row.seq != self._next_seq:
            for known in self._past.values():
                known.begin_anew()
        self._next_seq = row.seq + 1
        series = self._series_of(row.tags)
        past = self._past_of(series)
        filled = self._push(past, row.tags)
        seen, needed = len(past.values), self._input.window_rows
        if past.refused[-1]:
            raise InputError(past.refused[-1], cure=CURE)
        if seen < needed:
            raise InputError(f"{seen} rows in a row so far, the model looks back on {needed}")
        spoilt = [at for at, reason in enumerate(reversed(past.refused)) if reason]
        if spoilt:
            raise InputError(f"{past.refused[-1 - spoilt[0]]}, {spoilt[0]} rows ago", cure=CURE)
        window = np.stack(past.values).reshape(self._input.shape)
        judged = self._network.judge(self._network.raw_outputs(window[None]))
        judged = self._alarm.apply(judged, series)
        return replace(judged, reason="; ".join(part for part in (judged.reason, filled) if part))

    def _push(self, past: Past, row: Row) -> str:
        """Prepare the row into `past`; gives what was filled or held."""
        rows = [row] if past.before is None else [past.before, row]
        try:
            table = table_of_rows(rows)
            prepared = prepare_rows(table, self._input)
        except InputError as error:
            past.values.append(np.full(self._input.width, np.nan, np.float32))
            past.refused.append(error.what)
            return ""
        past.values.append(prepared.values[-1])
        past.refused.append(prepared.refused[-1])
        if self._holds:
            past.before = self._held(rows)
        return prepared.filled[-1]

    def _held(self, rows: list[Row]) -> Row:
        """The newest row, with the values that it holds from the one before."""
        table, newest = table_of_rows(rows), dict(rows[-1])
        for tag in self._input.tags:
            if tag.missing == "hold" and len(rows) == 2:
                column, _, _ = find_column(table, tag.name)
                if not np.isfinite(numbers(table, column)[-1]):
                    newest[column] = rows[0].get(column)
        return newest

    def _series_of(self, row: Row) -> str:
        column = self._input.series
        if not column or column not in row:
            return ""
        return str(texts(table_of_rows([row]), column)[0])

    def _past_of(self, series: str) -> Past:
        past = self._past.pop(series, None)
        if past is None:
            length = self._input.window_rows
            past = Past(deque(maxlen=length), deque(maxlen=length))
        self._past[series] = past
        if len(self._past) > MOST_SERIES:
            self._past.popitem(last=False)
        return past


def _tabular(spec: ModelSpec) -> TabularInput:
    if not isinstance(spec.input, TabularInput):
        raise InputError(
            f"the bundle {spec.name} judges {spec.input.kind}, not process data",
            where=spec.name,
            cure="take a bundle of process data",
        )
    return spec.input
