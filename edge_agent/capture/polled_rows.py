"""Process values that somebody has to ask for: a row every period, or whenever the part changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from edge_agent.broker.config import BrokerTable
from edge_agent.capture.source import SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError, DeviceError, InputError
from edge_agent.contracts.core.types import ProcessRow, Unreadable
from edge_agent.contracts.model.manifest import InputSpec
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.process.tables import Table as Columns
from edge_agent.contracts.process.tables import find_column

Cell: TypeAlias = float | int | str | None
"""A value; None where the device has none."""


class PolledTable(SourceTable):
    """What the table of every polled source has."""

    period_s: float = Field(
        default=1, ge=0.005, le=86400, description="the values are read so often"
    )
    take_on: Literal["period", "part"] = Field(
        default="period", description="a row every period, or when the value of part_tag changes"
    )
    part_tag: str = Field(default="", description="the tag that names the part; empty: counted")

    @property
    def names_parts(self) -> bool:
        """Only a tag can name the part."""
        return bool(self.part_tag)

    @property
    def tag_names(self) -> Sequence[str]:
        """The tags that are read."""
        return ()

    def fitted_to(
        self, taken: InputSpec | None, *, channel: str, broker: BrokerTable | None
    ) -> Self:
        """Refuse a bundle that takes a tag which is not read."""
        del broker
        refuse_missing_tags(self.tag_names, taken, channel)
        return self

    @model_validator(mode="after")
    def _part_tag_is_read(self) -> Self:
        names = list(self.tag_names)
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two tags are named {twice[0]!r}")
        if self.part_tag and self.part_tag not in names:
            raise ValueError(f"part_tag {self.part_tag!r} is not among the tags")
        if self.take_on == "part" and not self.part_tag:
            raise ValueError('take_on = "part" needs part_tag')
        return self


def refuse_missing_tags(names: Sequence[str], taken: object, channel: str) -> None:
    """Raise ConfigError where a tag that the bundle takes is not read."""
    if not isinstance(taken, TabularInput):
        return
    table = Columns({name: np.array([""]) for name in names})
    for tag in taken.tags:
        try:
            find_column(table, tag.name)
        except InputError as error:
            raise ConfigError(
                f"the model takes the tag {tag.name!r}: {error.what}",
                where=f"station.toml: channel {channel}",
                cure="add it as [[channel.source.tag]]",
            ) from error


@dataclass(frozen=True)
class TagValues:
    """What was read at once. faults: tag -> why it has no value that can be trusted."""

    values: Mapping[str, Cell]
    faults: Mapping[str, str]


class TagReader(Protocol):
    """The device. Used by one thread."""

    def open(self) -> None:
        """Connect; raises DeviceError."""

    def read(self) -> TagValues:
        """All values now; raises DeviceError when the device is lost."""

    def close(self) -> None:
        """Disconnect; closing twice is fine."""


class PolledRows:
    """Rows of one device. A period that was missed is a hole in `seq`; a value that cannot be
    trusted makes the row Unreadable with its name.
    """

    live = True

    def __init__(self, reader: TagReader, config: PolledTable, *, name: str, clock: Clock) -> None:
        self._reader = reader
        self._config = config
        self._name = name
        self._clock = clock
        self._period_ns = round(config.period_s * 1e9)
        self._is_open = False
        self._due_ns = 0
        self._seq = 0
        self._part: Cell = None
        self._knows_part = False

    def open(self) -> None:
        """Connect; raises DeviceError."""
        self.close()
        self._reader.open()
        self._is_open, self._knows_part = True, False
        self._due_ns = self._clock.mono_ns()

    def begin(self) -> None:
        """The first row is due now: no period was missed before."""
        self._due_ns = self._clock.mono_ns()

    def next(self, timeout_s: float) -> ProcessRow | Unreadable | None:
        """The next row; raises DeviceError when the device is lost."""
        if not self._is_open:
            raise DeviceError("not open", where=self._name, cure="open it first")
        wait_s = (self._due_ns - self._clock.mono_ns()) / 1e9
        if wait_s > 0:
            self._clock.sleep_s(min(wait_s, timeout_s))
        if wait_s > timeout_s:
            return None
        found = self._reader.read()
        missed = self._advance()
        if self._config.take_on == "part" and not self._is_new(found):
            return None
        row = self._row(found)
        self._seq += missed if self._config.take_on == "period" else 0
        return row

    def close(self) -> None:
        """Disconnect."""
        self._is_open = False
        self._reader.close()

    def _advance(self) -> int:
        """Set the next due time; how many periods went by unread."""
        late_ns = self._clock.mono_ns() - self._due_ns
        missed = max(0, late_ns // self._period_ns)
        self._due_ns += (missed + 1) * self._period_ns
        return missed

    def _is_new(self, found: TagValues) -> bool:
        """Whether another part is there; the one at the opening may have been given before."""
        part = found.values.get(self._config.part_tag)
        changed = self._knows_part and part != self._part
        self._part, self._knows_part = part, True
        return changed

    def _row(self, found: TagValues) -> ProcessRow | Unreadable:
        part = found.values.get(self._config.part_tag) if self._config.part_tag else None
        seq, self._seq = self._seq, self._seq + 1
        part_id = (
            ""
            if part is None
            else str(int(part) if isinstance(part, float) and part.is_integer() else part)
        )
        stamp = (self._clock.utc_ns(), self._clock.mono_ns(), seq, self._name, part_id)
        if found.faults:
            reason = "; ".join(f"{tag}: {fault}" for tag, fault in found.faults.items())
            return Unreadable(reason, *stamp)
        return ProcessRow(dict(found.values), *stamp)
