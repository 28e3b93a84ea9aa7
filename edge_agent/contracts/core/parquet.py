"""Parquet files, with errors that help; pyarrow is loaded only when one comes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.reading import reading

if TYPE_CHECKING:
    import pyarrow

MOST_CELLS = 100_000_000
"""A run-length encoded file of a few kilobytes may claim any number of rows."""


def read_parquet_table(path: Path) -> pyarrow.Table:
    """The columns of a Parquet file; raises InputError, also where pyarrow is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            "reading .parquet needs pyarrow", where=str(path), cure="pip install pyarrow, or CSV"
        ) from error
    with reading(str(path), "a readable Parquet file"):
        try:
            shape = pyarrow.parquet.read_metadata(path)
            if shape.num_rows * shape.num_columns > MOST_CELLS:
                raise InputError("more than 100 million cells", where=str(path), cure="split it")
            return pyarrow.parquet.read_table(path)
        except (pyarrow.ArrowException, pyarrow.ArrowInvalid) as error:
            raise ValueError(str(error)) from error
