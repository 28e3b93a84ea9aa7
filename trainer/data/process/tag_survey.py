"""What the tags of a process table hold, and which of their cells cannot be right."""

from __future__ import annotations

import numpy as np

from edge_agent.contracts.process.input import Tag
from edge_agent.contracts.process.tables import Table, is_missing, numbers
from trainer.data.file_faults import Fault
from trainer.data.process.columns import columns_of, table_of
from trainer.data.process.tags import tags_of
from trainer.data.samples import Dataset


def inspect_tags(dataset: Dataset) -> tuple[list[str], list[Fault]]:
    """A sentence for each tag, and a fault for each that never changes or leaves its range."""
    table = table_of(dataset)
    tags = tags_of(dataset, np.arange(len(dataset.samples)))
    file = columns_of(dataset.config).file
    notes = [_note(tag, table) for tag in tags]
    faults = [
        Fault(f"{file}: {tag.name}", "signal", what) for tag in tags for what in _wrong(tag, table)
    ]
    return notes, faults


def _note(tag: Tag, table: Table) -> str:
    gaps = int(is_missing(table.columns[tag.name]).sum())
    empty = f", {gaps} cells empty ({tag.missing})" if gaps else ""
    if tag.categories:
        return f"{tag.name}: {', '.join(tag.categories)}{empty}"
    values = numbers(table, tag.name)
    unit = f" {tag.unit}" if tag.unit else ""
    return f"{tag.name}: {np.nanmin(values):g} to {np.nanmax(values):g}{unit}{empty}"


def _wrong(tag: Tag, table: Table) -> list[str]:
    if tag.categories:
        return ["never changes"] if len(tag.categories) < 2 else []
    values = numbers(table, tag.name)
    faults = ["never changes"] if np.nanmin(values) == np.nanmax(values) else []
    low = -np.inf if tag.low is None else tag.low
    high = np.inf if tag.high is None else tag.high
    outside = int(((values < low) | (values > high)).sum())
    if outside:
        faults.append(f"{outside} values outside {low:g} to {high:g} {tag.unit}".rstrip())
    return faults
